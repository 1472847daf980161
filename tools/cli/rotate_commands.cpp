#include "libs/common/time.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/signer_call.hpp"
#include "tools/cli/venue_check.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <thread>

/// A change of an account's key while everything runs (docs/runbook.md, "Change a key").
namespace perpwire::cli {
namespace {

struct RotateOptions {
  std::string account;
  std::string key;
  unsigned wait_s = 0;
};

v1::SignRequest request_of(const std::string& type, const RotateOptions& options) {
  v1::SignRequest request;
  request.set_type(type);
  request.set_account(options.account);
  request.set_key(options.key);
  return request;
}

/// Whether the venue takes what this address signs for the account.
Outcome<void> check_approved(Session& session, const AccountSettings& account,
                             const std::string& key, const std::string& address) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  const auto role = ask_role((*settings)->venues.at(account.venue), address, session.timeout());
  if (!role) return tl::unexpected(role.error());
  // Of a sub-account or vault the master's wallets sign; the venue names the master alone.
  const bool fits = role->role == "agent" && (account.vault || role->owner == account.address);
  if (fits) return {};
  return fail_with(
      Exit::kRejected,
      fmt::format("{}: expected the API wallet {} of {}, approved at the venue, found {}{}: "
                  "nothing was changed (perpwire keys approve {} --agent-name NAME)",
                  key, address, account.address, role->role,
                  role->owner.empty() ? "" : " of " + role->owner, key));
}

/// The signer reads the new key, the venue is asked whether it knows it, then the signer switches.
Outcome<void> rotate(Session& session, const RotateOptions& options) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  const auto account = (*settings)->accounts.find(options.account);
  if (account == (*settings)->accounts.end()) {
    return fail_with(
        Exit::kUsage,
        fmt::format("account: expected one of the configuration, found {}", options.account));
  }
  const auto added = ask_signer(session, request_of("add_key", options), Exit::kFailed);
  if (!added) return tl::unexpected(added.error());
  if (auto approved =
          check_approved(session, account->second, options.key, added->signer_address());
      !approved) {
    return approved;
  }
  if (auto go = session.confirm(fmt::format("let {} ({}) sign for account {} from now on",
                                            options.key, added->signer_address(), options.account));
      !go) {
    return go;
  }
  const auto used = ask_signer(session, request_of("use_key", options), Exit::kOutcomeUnknown);
  if (!used) return tl::unexpected(used.error());
  std::cout << fmt::format(
      "{} {} signs for account {}\nnext: key = \"{}\" in [accounts.{}], then perpwire keys retire "
      "the old one\n",
      options.key, added->signer_address(), options.account, options.key, options.account);
  return {};
}

Outcome<void> retire(Session& session, const RotateOptions& options) {
  if (auto go = session.confirm(fmt::format(
          "wipe {} from the signer, for ever; nothing signs with it again", options.key));
      !go) {
    return go;
  }
  const auto end = monotonic_now() + std::chrono::seconds(options.wait_s);
  for (;;) {
    const auto retired =
        ask_signer(session, request_of("retire_key", options), Exit::kOutcomeUnknown);
    if (retired) break;
    const bool draining = retired.error().text.find("rule draining:") != std::string::npos;
    if (!draining || monotonic_now() >= end) return tl::unexpected(retired.error());
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  std::cout << options.key
            << " is retired\nnext: remove the wallet on the venue's site and its keystore file\n";
  return {};
}

}  // namespace

void add_rotate_commands(Registry& registry, CLI::App& keys) {
  const auto options = std::make_shared<RotateOptions>();
  auto& rotate_app =
      registry.add(keys, "rotate", "another key signs for an account, without a stop",
                   [options](Session& session) { return rotate(session, *options); });
  rotate_app.add_option("account", options->account, "name of [accounts.NAME]")->required();
  rotate_app.add_option("key", options->key, "name of the new keystore file")->required();
  auto& retire_app =
      registry.add(keys, "retire", "the key that was rotated out is wiped from the signer",
                   [options](Session& session) { return retire(session, *options); });
  retire_app.add_option("key", options->key, "its name")->required();
  retire_app.add_option(
      "--wait", options->wait_s,
      "seconds to wait until nothing of it can be fenced any more (2 minutes after "
      "its last signature)");
}

}  // namespace perpwire::cli
