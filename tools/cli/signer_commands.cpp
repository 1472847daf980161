#include "libs/common/contract_json.hpp"
#include "libs/journal/audit_file.hpp"
#include "perpwire/v1/signing.pb.h"
#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/transport.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <memory>

namespace perpwire::cli {
namespace {

struct SignerOptions {
  std::string key;
  std::string pair;
  std::uint64_t asset = 0;
  std::string folder;
  std::string head;
};

Outcome<v1::SignReply> ask_signer(Session& session, v1::SignRequest request, Exit if_no_answer) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  request.set_request_id(new_request_id());
  const auto answer = Caller("signer", (*settings)->signer.endpoint, session.timeout())
                          .ask(request.SerializeAsString(), if_no_answer);
  if (!answer) return tl::unexpected(answer.error());
  v1::SignReply reply;
  if (auto parsed = parse_payload(answer->front(), reply); !parsed) {
    return fail_with(if_no_answer, "signer: " + parsed.error().text);
  }
  if (reply.status() != "OK") {
    return fail_with(Exit::kRejected, fmt::format("{}: {}", reply.code(), reply.reason()));
  }
  return reply;
}

Outcome<void> status(Session& session) {
  v1::SignRequest request;
  request.set_type("status");
  const auto reply = ask_signer(session, std::move(request), Exit::kFailed);
  if (!reply) return tl::unexpected(reply.error());
  std::cout << reply->text() << "\n";
  return {};
}

Outcome<void> change(Session& session, v1::SignRequest request, const std::string& done) {
  const auto reply = ask_signer(session, std::move(request), Exit::kOutcomeUnknown);
  if (!reply) return tl::unexpected(reply.error());
  if (session.json()) {
    std::cout << json_of(*reply) << "\n";
  } else {
    std::cout << done << "\n";
  }
  return {};
}

/// Asks nothing: stopping must not wait for a person.
Outcome<void> lock(Session& session, const SignerOptions& options) {
  v1::SignRequest request;
  request.set_type("lock");
  request.set_key(options.key);
  return change(session, std::move(request),
                (options.key.empty() ? "every key" : options.key) +
                    std::string(" signs cancels only, until unlocked"));
}

Outcome<void> unlock(Session& session, const SignerOptions& options) {
  const std::string which = options.key.empty() ? "every key" : options.key;
  if (auto go = session.confirm("let " + which + " sign orders again"); !go) return go;
  v1::SignRequest request;
  request.set_type("unlock");
  request.set_key(options.key);
  return change(session, std::move(request), which + " signs orders");
}

Outcome<void> accept_asset(Session& session, const SignerOptions& options) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  const auto pair = session.pair(options.pair);
  if (!pair) return tl::unexpected(pair.error());
  const auto words = fmt::format("{} is asset {} from now on", *pair, options.asset);
  if (auto go = session.confirm(words); !go) return go;
  v1::SignRequest request;
  request.set_type("accept_asset");
  auto& entry = *request.add_assets();
  entry.set_trading_pair(*pair);
  entry.set_asset(options.asset);
  entry.set_network(std::string((*settings)->network()));
  return change(session, std::move(request), words);
}

Outcome<void> verify_log(Session& session, const SignerOptions& options) {
  std::filesystem::path folder = options.folder;
  if (folder.empty()) {
    const auto settings = session.settings();
    if (!settings) return tl::unexpected(settings.error());
    folder = (*settings)->data_dir / process_folder("signer", "main") / "audit";
  }
  const auto report = journal::verify_audit_log(folder, options.head);
  if (!report) {
    return fail_with(report.error().code == ErrorCode::kIo ? Exit::kFailed : Exit::kDifference,
                     report.error().text);
  }
  if (session.json()) {
    std::cout << fmt::format(
        R"({{"folder":{},"files":{},"first":{},"last":{},"head":"{}","signed":{},"refused":{}}})"
        "\n",
        json_text(folder.string()), report->files, report->first, report->last, report->head,
        report->signed_actions, report->refused);
  } else {
    std::cout << fmt::format(
        "{}: whole: {} files, lines {} to {}, {} signed, {} refused\nhead {}\n", folder.string(),
        report->files, report->first, report->last, report->signed_actions, report->refused,
        report->head);
  }
  return {};
}

}  // namespace

void add_signer_commands(Registry& registry) {
  auto& group = registry.group("signer", "the keys' keeper: look, lock, its audit log");
  const auto options = std::make_shared<SignerOptions>();
  registry.add(group, "status", "keys, their states, the audit log's head", status);
  auto& lock_app = registry.add(group, "lock", "sign cancels only; restarts keep it",
                                [options](Session& session) { return lock(session, *options); });
  lock_app.add_option("key", options->key, "every key by default");
  auto& unlock_app =
      registry.add(group, "unlock", "sign orders again",
                   [options](Session& session) { return unlock(session, *options); });
  unlock_app.add_option("key", options->key, "every key by default");
  auto& accept_app =
      registry.add(group, "accept-asset", "take another asset number for a pair",
                   [options](Session& session) { return accept_asset(session, *options); });
  accept_app.add_option("pair", options->pair, "BTC-USD")->required();
  accept_app.add_option("asset", options->asset, "the venue's number")->required();
  auto& verify_app =
      registry.add(group, "verify-log", "check the audit log's hash chain; changes nothing",
                   [options](Session& session) { return verify_log(session, *options); });
  verify_app.add_option("folder", options->folder, "the signer's by default");
  verify_app.add_option("--head", options->head,
                        "a hash noted earlier: the log must contain a line with it");
}

}  // namespace perpwire::cli
