#include "libs/venues/hyperliquid/account_actions.hpp"

#include "libs/venues/hyperliquid/action_writers.hpp"
#include "libs/venues/hyperliquid/json_fields.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::hyperliquid {
namespace {

namespace dom = simdjson::dom;

enum class Kind {
  kText,
  kAddress,
  kDecimal,
  kUnsigned,
  kSigned,
  kBoolean,
  kBooleanOrNull,
  kDecimalOrNull,
  kAddressIfPresent,
};

struct FieldSpec {
  std::string_view name;
  Kind kind;
};
struct ActionSpec {
  std::string_view type;
  std::vector<FieldSpec> fields;
};

const std::vector<ActionSpec>& specs() {
  static const std::vector<ActionSpec> all{
      {"createSubAccount", {{"name", Kind::kText}}},
      {"subAccountModify", {{"subAccountUser", Kind::kAddress}, {"name", Kind::kText}}},
      {"subAccountTransfer",
       {{"subAccountUser", Kind::kAddress},
        {"isDeposit", Kind::kBoolean},
        {"usd", Kind::kUnsigned}}},
      {"subAccountSpotTransfer",
       {{"subAccountUser", Kind::kAddress},
        {"isDeposit", Kind::kBoolean},
        {"token", Kind::kText},
        {"amount", Kind::kDecimal}}},
      {"vaultTransfer",
       {{"vaultAddress", Kind::kAddress}, {"isDeposit", Kind::kBoolean}, {"usd", Kind::kUnsigned}}},
      {"createVault",
       {{"name", Kind::kText},
        {"description", Kind::kText},
        {"initialUsd", Kind::kUnsigned},
        {"nonce", Kind::kUnsigned}}},
      {"vaultModify",
       {{"vaultAddress", Kind::kAddress},
        {"allowDeposits", Kind::kBooleanOrNull},
        {"alwaysCloseOnWithdraw", Kind::kBooleanOrNull}}},
      {"vaultDistribute", {{"vaultAddress", Kind::kAddress}, {"usd", Kind::kUnsigned}}},
      {"topUpIsolatedOnlyMargin", {{"asset", Kind::kUnsigned}, {"leverage", Kind::kDecimal}}},
      {"reserveRequestWeight",
       {{"weight", Kind::kUnsigned}, {"destination", Kind::kAddressIfPresent}}},
      {"setReferrer", {{"code", Kind::kText}}},
      {"registerReferrer", {{"code", Kind::kText}}},
      {"claimRewards", {}},
      {"setDisplayName", {{"displayName", Kind::kText}}},
      {"evmUserModify", {{"usingBigBlocks", Kind::kBoolean}}},
      {"agentSetAbstraction", {{"abstraction", Kind::kText}}},
      {"agentEnableDexAbstraction", {}},
      {"agentSendAsset",
       {{"destination", Kind::kAddress},
        {"sourceDex", Kind::kText},
        {"destinationDex", Kind::kText},
        {"token", Kind::kText},
        {"amount", Kind::kDecimal},
        {"fromSubAccount", Kind::kText},
        {"nonce", Kind::kUnsigned}}},
      {"hip3LiquidatorTransfer",
       {{"dex", Kind::kText}, {"ntl", Kind::kSigned}, {"isDeposit", Kind::kBoolean}}},
      {"borrowLend",
       {{"operation", Kind::kText}, {"token", Kind::kUnsigned}, {"amount", Kind::kDecimalOrNull}}},
      // No action of the venue: the SDK's own vectors sign it (tests/signing_test.py).
      {"dummy", {{"num", Kind::kUnsigned}}},
  };
  return all;
}

const ActionSpec* spec_of(std::string_view type) {
  const auto& all = specs();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const ActionSpec& spec) { return spec.type == type; });
  return found == all.end() ? nullptr : &*found;
}

bool is_null(JsonFields& fields, std::string_view name) {
  const auto value = fields.value(name);
  return value && value->is_null();
}

void read_field(JsonFields& fields, const FieldSpec& spec, ActionFields& out) {
  switch (spec.kind) {
    case Kind::kText:
      out.add(spec.name, fields.text(spec.name));
      return;
    case Kind::kAddress:
      out.add(spec.name, fields.address(spec.name).to_string());
      return;
    case Kind::kDecimal:
      out.add(spec.name, fields.wire_decimal(spec.name).to_string());
      return;
    case Kind::kUnsigned:
      out.add(spec.name, fields.unsigned_number(spec.name));
      return;
    case Kind::kSigned:
      out.add(spec.name, fields.signed_number(spec.name));
      return;
    case Kind::kBoolean:
      out.add(spec.name, fields.boolean(spec.name));
      return;
    case Kind::kBooleanOrNull:
      out.add(spec.name, is_null(fields, spec.name) ? ActionValue{nullptr}
                                                    : ActionValue{fields.boolean(spec.name)});
      return;
    case Kind::kDecimalOrNull:
      out.add(spec.name, is_null(fields, spec.name)
                             ? ActionValue{nullptr}
                             : ActionValue{fields.wire_decimal(spec.name).to_string()});
      return;
    case Kind::kAddressIfPresent:
      if (fields.has(spec.name)) {
        out.add(spec.name, fields.address(spec.name).to_string());
      }
      return;
  }
}

template <class Writer>
void encode(const AccountAction& action, Writer& out) {
  out.begin_map(action.fields.all().size() + 1);
  out.key("type");
  out.text(action.type);
  for (const auto& [name, value] : action.fields.all()) {
    out.key(name);
    if (const auto* text = std::get_if<std::string>(&value)) {
      out.text(*text);
    } else if (const auto* whole = std::get_if<std::uint64_t>(&value)) {
      out.unsigned_number(*whole);
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      out.signed_number(*integer);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      out.boolean(*flag);
    } else {
      out.nil();
    }
  }
  out.end_map();
}

template <class T>
T value_or_zero(const ActionValue* value) {
  const auto* held = value == nullptr ? nullptr : std::get_if<T>(value);
  return held == nullptr ? T{} : *held;
}

}  // namespace

const ActionValue* ActionFields::find(std::string_view name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [&](const auto& field) { return field.first == name; });
  return found == fields_.end() ? nullptr : &found->second;
}

std::string ActionFields::text(std::string_view name) const {
  return value_or_zero<std::string>(find(name));
}
std::uint64_t ActionFields::unsigned_number(std::string_view name) const {
  return value_or_zero<std::uint64_t>(find(name));
}
std::int64_t ActionFields::signed_number(std::string_view name) const {
  return value_or_zero<std::int64_t>(find(name));
}
bool ActionFields::boolean(std::string_view name) const { return value_or_zero<bool>(find(name)); }

bool is_account_action(std::string_view type) { return spec_of(type) != nullptr; }

Result<AccountAction> parse_account_action(std::string_view json) {
  dom::parser parser;
  dom::element document;
  if (const auto error = parser.parse(json.data(), json.size()).get(document)) {
    return fail(ErrorCode::kMalformed,
                fmt::format("action: not JSON: {}", simdjson::error_message(error)));
  }
  ReadErrors errors;
  JsonFields fields{document, "action", errors};
  AccountAction action;
  action.type = fields.text("type");
  if (const auto* spec = spec_of(action.type)) {
    for (const auto& field : spec->fields) {
      read_field(fields, field, action.fields);
    }
  } else {
    errors.add("action.type", "an account action", "\"" + action.type.substr(0, 80) + "\"");
  }
  fields.finish();
  if (errors.any()) {
    return tl::unexpected<Error>(errors.take());
  }
  return action;
}

void append_msgpack(const AccountAction& action, Bytes& out) {
  MsgpackWriter writer{out};
  encode(action, writer);
}

void append_json(const AccountAction& action, std::string& out) {
  JsonWriter writer{out};
  encode(action, writer);
}

}  // namespace perpwire::hyperliquid
