#include "libs/venues/hyperliquid/user_signed.hpp"

#include "libs/venues/hyperliquid/json_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace perpwire::hyperliquid {
namespace {

namespace dom = simdjson::dom;

constexpr std::uint64_t kSdkChainId = 0x66eee;  // 421614

struct Spec {
  std::string_view type;
  std::string_view name;     // HyperliquidTransaction:<name>
  std::string_view members;  // after "string hyperliquidChain,"
};

constexpr std::array kSpecs{
    Spec{"usdSend", "UsdSend", "string destination,string amount,uint64 time"},
    Spec{"spotSend", "SpotSend", "string destination,string token,string amount,uint64 time"},
    Spec{"withdraw3", "Withdraw", "string destination,string amount,uint64 time"},
    Spec{"usdClassTransfer", "UsdClassTransfer", "string amount,bool toPerp,uint64 nonce"},
    Spec{"sendAsset", "SendAsset",
         "string destination,string sourceDex,string destinationDex,string token,string amount,"
         "string fromSubAccount,uint64 nonce"},
    Spec{"approveAgent", "ApproveAgent", "address agentAddress,string agentName,uint64 nonce"},
    Spec{"approveBuilderFee", "ApproveBuilderFee",
         "string maxFeeRate,address builder,uint64 nonce"},
    Spec{"userSetAbstraction", "UserSetAbstraction",
         "address user,string abstraction,uint64 nonce"},
    Spec{"userDexAbstraction", "UserDexAbstraction", "address user,bool enabled,uint64 nonce"},
    Spec{"tokenDelegate", "TokenDelegate",
         "address validator,uint64 wei,bool isUndelegate,uint64 nonce"},
    Spec{"cDeposit", "CDeposit", "uint64 wei,uint64 nonce"},
    Spec{"cWithdraw", "CWithdraw", "uint64 wei,uint64 nonce"},
    Spec{"convertToMultiSigUser", "ConvertToMultiSigUser", "string signers,uint64 nonce"},
};

const Spec* spec_of(std::string_view type) {
  const auto* found = std::find_if(kSpecs.begin(), kSpecs.end(),
                                   [&](const Spec& spec) { return spec.type == type; });
  return found == kSpecs.end() ? nullptr : found;
}

/// EIP-712 encodes every member as 32 bytes.
class StructData {
 public:
  void hash(const Hash256& value) { data_.insert(data_.end(), value.begin(), value.end()); }
  void text(std::string_view value) { hash(keccak256(as_bytes(value))); }
  void number(std::uint64_t value) {
    data_.resize(data_.size() + 24);
    for (int shift = 56; shift >= 0; shift -= 8) {
      data_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  }
  void address(const Address& value) {
    data_.resize(data_.size() + 12);
    data_.insert(data_.end(), value.bytes.begin(), value.bytes.end());
  }
  [[nodiscard]] Hash256 result() const { return keccak256(data_); }

 private:
  Bytes data_;
};

std::uint64_t read_chain_id(JsonFields& fields) {
  if (!fields.has("signatureChainId")) {
    return kSdkChainId;
  }
  const auto text = fields.text("signatureChainId");
  std::uint64_t chain_id = 0;
  const auto* end = text.data() + text.size();
  if (text.starts_with("0x")) {
    const auto [stop, error] = std::from_chars(text.data() + 2, end, chain_id, 16);
    if (error == std::errc{} && stop == end) {
      return chain_id;
    }
  }
  fields.errors().add(fields.path_of("signatureChainId"), "0x and hex digits",
                      "\"" + text.substr(0, 80) + "\"");
  return 0;
}

Network read_network(JsonFields& fields, Network default_network) {
  if (!fields.has("hyperliquidChain")) {
    return default_network;
  }
  const auto text = fields.text("hyperliquidChain");
  if (text == "Mainnet") {
    return Network::kMainnet;
  }
  if (text != "Testnet") {
    fields.errors().add(fields.path_of("hyperliquidChain"), "Mainnet or Testnet",
                        "\"" + text.substr(0, 80) + "\"");
  }
  return Network::kTestnet;
}

/// One member such as "uint64 time": into the fields, and into the bytes that are hashed.
void read_member(JsonFields& fields, std::string_view member, UserSignedAction& action,
                 StructData& data) {
  const auto space = member.find(' ');
  const auto kind = member.substr(0, space);
  const auto name = member.substr(space + 1);
  if (kind == "string") {
    const bool unnamed_agent = name == "agentName" && !fields.has(name);
    const auto text = unnamed_agent ? std::string() : fields.text(name);
    data.text(text);
    action.fields.add(name, text);
  } else if (kind == "address") {
    const auto address = fields.address(name);
    data.address(address);
    action.fields.add(name, address.to_string());
  } else if (kind == "bool") {
    const auto flag = fields.boolean(name);
    data.number(flag ? 1 : 0);
    action.fields.add(name, flag);
  } else {
    const auto number = fields.unsigned_number(name);
    data.number(number);
    action.fields.add(name, number);
    if (name == "time" || name == "nonce") {
      action.nonce = number;
    }
  }
}

}  // namespace

bool is_user_signed(std::string_view type) { return spec_of(type) != nullptr; }

Result<UserSignedAction> parse_user_signed(std::string_view json, Network default_network) {
  dom::parser parser;
  dom::element document;
  if (const auto error = parser.parse(json.data(), json.size()).get(document)) {
    return fail(ErrorCode::kMalformed,
                fmt::format("action: not JSON: {}", simdjson::error_message(error)));
  }
  ReadErrors errors;
  JsonFields fields{document, "action", errors};
  UserSignedAction action;
  action.type = fields.text("type");
  const auto* spec = spec_of(action.type);
  if (spec == nullptr) {
    errors.add("action.type", "a user-signed action", "\"" + action.type.substr(0, 80) + "\"");
    return tl::unexpected<Error>(errors.take());
  }
  action.network = read_network(fields, default_network);
  action.chain_id = read_chain_id(fields);
  action.primary_type = fmt::format("HyperliquidTransaction:{}", spec->name);
  StructData data;
  data.text(fmt::format("{}(string hyperliquidChain,{})", action.primary_type, spec->members));
  data.text(action.network == Network::kMainnet ? "Mainnet" : "Testnet");
  auto members = spec->members;
  while (!members.empty()) {
    const auto comma = members.find(',');
    read_member(fields, members.substr(0, comma), action, data);
    members = comma == std::string_view::npos ? std::string_view{} : members.substr(comma + 1);
  }
  fields.finish();
  if (errors.any()) {
    return tl::unexpected<Error>(errors.take());
  }
  action.message_hash = data.result();
  action.digest = typed_data_digest(domain_separator("HyperliquidSignTransaction", action.chain_id),
                                    action.message_hash);
  return action;
}

}  // namespace perpwire::hyperliquid
