#include "libs/common/hex.hpp"
#include "libs/keystore/keystore_file.hpp"
#include "libs/keystore/keystore_folder.hpp"
#include "libs/keystore/passphrase.hpp"
#include "libs/net/http_client.hpp"
#include "libs/venues/hyperliquid/endpoints.hpp"
#include "libs/venues/hyperliquid/user_signed.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <unistd.h>

namespace perpwire::cli {
namespace {

namespace hl = hyperliquid;

constexpr std::size_t kMaxAgentName = 16;
constexpr int kMaxDays = 180;

struct ApproveOptions {
  std::string name;               // of the key to be approved
  std::string agent_name;         // at the venue; empty = the unnamed agent
  std::string master_keystore;    // V3 file
  std::string master_passphrase;  // of that file
  std::string master_key;         // or where to read 64 hex digits
  int days = 90;
  bool post = false;
};

Failure wrong(const Error& error) {
  return {error.code == ErrorCode::kIo ? Exit::kFailed : Exit::kUsage, error.text};
}

Outcome<SigningKey> master_key(const ApproveOptions& options) {
  if (options.master_keystore.empty() == options.master_key.empty()) {
    return fail_with(Exit::kUsage,
                     fmt::format("expected one of --master-keystore and --master-key, found {}",
                                 options.master_key.empty() ? "none" : "both"));
  }
  if (!options.master_key.empty()) {
    const auto text = keystore::read_passphrase(options.master_key, "Master key (64 hex digits): ");
    if (!text) return tl::unexpected(wrong(text.error()));
    const auto bytes = text->bytes();
    auto key = SigningKey::from_hex(
        std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    if (!key) return tl::unexpected(wrong(key.error()));
    return std::move(*key);
  }
  std::ifstream in(options.master_keystore, std::ios::binary);
  if (!in) {
    return fail_with(Exit::kUsage,
                     fmt::format("--master-keystore: expected a readable file, found {}",
                                 options.master_keystore));
  }
  const std::string json((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto passphrase = keystore::read_passphrase(
      options.master_passphrase.empty() ? "terminal" : options.master_passphrase,
      fmt::format("Passphrase of {}: ", options.master_keystore));
  if (!passphrase) return tl::unexpected(wrong(passphrase.error()));
  const auto file = keystore::parse_keystore(json);
  if (!file) return tl::unexpected(wrong(file.error()));
  auto key = keystore::unlock(*file, *passphrase);
  if (!key) return tl::unexpected(wrong(key.error()));
  return std::move(*key);
}

Outcome<std::string> agent_address(const Settings& settings, const std::string& name) {
  const auto keys = keystore::list_keys(settings.signer.keystore_dir);
  if (!keys) return tl::unexpected(wrong(keys.error()));
  const auto found =
      std::find_if(keys->begin(), keys->end(), [&](const auto& key) { return key.name == name; });
  if (found == keys->end()) {
    return fail_with(Exit::kUsage, fmt::format("expected a key of {}, found no {}",
                                               settings.signer.keystore_dir.string(), name));
  }
  return found->address;
}

/// The name as it is signed: the venue reads its end from it. Source: hyperliquid.md section 3.2.
Outcome<std::string> signed_name(const ApproveOptions& options, std::uint64_t now_ms) {
  if (options.agent_name.size() > kMaxAgentName ||
      options.agent_name.find_first_of("\"\\\n\t") != std::string::npos) {
    return fail_with(Exit::kUsage,
                     fmt::format("--agent-name: expected up to {} plain characters, found \"{}\"",
                                 kMaxAgentName, options.agent_name));
  }
  if (options.agent_name.empty()) return std::string();
  const auto until = now_ms + static_cast<std::uint64_t>(options.days) * 86'400'000;
  return fmt::format("{} valid_until {}", options.agent_name, until);
}

Outcome<void> post(const VenueSettings& venue, const std::string& body, Nanos timeout) {
  boost::asio::io_context io{1};
  net::HttpClientOptions http_options;
  http_options.proxy_url = venue.proxy;
  http_options.tls = std::make_shared<net::TlsContext>(net::TlsOptions{.ca_file = venue.ca_file});
  net::HttpClient client(io, http_options);
  Outcome<void> outcome = fail_with(Exit::kOutcomeUnknown, "the venue did not answer");
  client.post(venue.rest_url + std::string(hl::kExchangePath), body,
              {{"Content-Type", "application/json"}}, timeout, [&](net::HttpResult result) {
                if (!result) {
                  const bool left = result.error().fate != net::HttpError::Fate::kNeverLeft;
                  outcome = fail_with(left ? Exit::kOutcomeUnknown : Exit::kFailed,
                                      result.error().error.text);
                } else if (result->body.starts_with(R"({"status":"ok")")) {
                  outcome = {};
                } else {
                  outcome = fail_with(Exit::kRejected, fmt::format("the venue: {} {}",
                                                                   result->status, result->body));
                }
                io.stop();
              });
  io.run_for(timeout + std::chrono::seconds(1));
  client.close();
  return outcome;
}

Outcome<void> approve(Session& session, const ApproveOptions& options) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  const auto agent = agent_address(**settings, options.name);
  if (!agent) return tl::unexpected(agent.error());
  const auto network = *hl::parse_network((*settings)->network());
  const auto now = static_cast<std::uint64_t>(wall_clock_now().millis());
  const auto name = signed_name(options, now);
  if (!name) return tl::unexpected(name.error());
  const auto key = master_key(options);
  if (!key) return tl::unexpected(key.error());

  const std::string action = fmt::format(
      R"({{"type":"approveAgent","hyperliquidChain":"{}","signatureChainId":"0x66eee","agentAddress":{}{},"nonce":{}}})",
      network == hl::Network::kMainnet ? "Mainnet" : "Testnet", json_text(*agent),
      name->empty() ? "" : R"(,"agentName":)" + json_text(*name), now);
  const auto message = hl::parse_user_signed(action, network);
  if (!message) return tl::unexpected(wrong(message.error()));

  std::cerr << fmt::format(
      "{} on {}\n  master   {}\n  agent    {} (key {})\n  name     {}\n  replaces {}\n",
      message->primary_type, hl::to_string(network), key->address().to_string(), *agent,
      options.name, name->empty() ? "none (the unnamed agent)" : *name,
      options.agent_name.empty() ? "the unnamed agent of this master"
                                 : "an agent of the same name, if there is one");
  const auto word = (*settings)->mode == Mode::kLive ? "live" : "yes";
  if (auto go = session.confirm("sign this with the master key", word); !go) return go;

  const auto signature = key->sign(message->digest);
  std::string body =
      R"({"action":)" + action + R"(,"nonce":)" + std::to_string(now) + R"(,"signature":{"r":"0x)";
  append_hex(signature.r, body);
  body += R"(","s":"0x)";
  append_hex(signature.s, body);
  body += fmt::format(R"(","v":{}}}}})", signature.v);
  if (!options.post) {
    std::cout << body << "\n";
    return {};
  }
  const auto& venue = (*settings)->venues.at(Session::kVenue);
  if (auto posted = post(venue, body, session.timeout()); !posted) return posted;
  std::cout << fmt::format("{} may sign for {}\n", *agent, key->address().to_string());
  return {};
}

}  // namespace

void add_approve_command(Registry& registry, CLI::App& keys) {
  const auto options = std::make_shared<ApproveOptions>();
  auto& app =
      registry.add(keys, "approve", "let a key sign for an account: signed by its master key, here",
                   [options](Session& session) { return approve(session, *options); });
  app.add_option("name", options->name, "of the keystore file of the API wallet")->required();
  app.add_option("--agent-name", options->agent_name,
                 "its name at the venue, up to 16 characters; none = the unnamed agent");
  app.add_option("--days", options->days, "a named agent's validity")
      ->check(CLI::Range(1, kMaxDays))
      ->capture_default_str();
  app.add_option("--master-keystore", options->master_keystore, "V3 file of the master key");
  app.add_option("--master-passphrase", options->master_passphrase,
                 "where to read that file's; terminal by default");
  app.add_option("--master-key", options->master_key,
                 "where to read 64 hex digits: fd:N, credential:NAME or terminal");
  app.add_flag("--post", options->post, "send it to the venue; else print the signed body");
}

}  // namespace perpwire::cli
