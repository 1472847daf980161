#include "libs/common/contract_json.hpp"
#include "libs/journal/audit_file.hpp"
#include "perpwire/v1/signing.pb.h"
#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/signer_call.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>

namespace perpwire::cli {
namespace {

struct SignerOptions {
  std::string key;
  std::string pair;
  std::uint64_t asset = 0;
  std::string folder;
  std::string head;
  std::uint64_t from = 0;
  std::uint64_t count = 20;
  bool over_socket = false;
};

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

Outcome<v1::AuditPage> ask_page(Session& session, std::uint64_t from, std::uint32_t max_bytes) {
  v1::SignRequest request;
  request.set_type("audit");
  request.mutable_audit()->set_from(from);
  request.mutable_audit()->set_max_bytes(max_bytes);
  auto reply = ask_signer(session, std::move(request), Exit::kFailed);
  if (!reply) return tl::unexpected(reply.error());
  return std::move(*reply->mutable_audit());
}

constexpr std::uint32_t kPageBytes = 256 * 1024;

/// Lines `from` to `last` (0 = the newest of now) to `each`, page by page.
Outcome<void> each_line(Session& session, std::uint64_t from, std::uint64_t last,
                        const std::function<Outcome<void>(const std::string&)>& each) {
  for (;;) {
    const auto page = ask_page(session, from, kPageBytes);
    if (!page) return tl::unexpected(page.error());
    if (last == 0) last = page->last();
    for (int i = 0; i < page->lines_size(); ++i) {
      if (journal::audit_number(page->lines(i)) > last) return {};
      if (auto done = each(page->lines(i)); !done) return done;
    }
    if (page->next() > std::min(last, page->last())) return {};
    from = page->next();
  }
}

Outcome<void> print_log(Session& session, const SignerOptions& options) {
  std::uint64_t from = options.from;
  std::uint64_t last = 0;
  if (from == 0) {
    const auto page = ask_page(session, 0, 1);
    if (!page) return tl::unexpected(page.error());
    last = page->last();
    from = std::max(page->first(), last - std::min(last, options.count) + 1);
  }
  const std::uint64_t end = from + options.count;
  return each_line(session, from, end - 1, [](const std::string& line) -> Outcome<void> {
    std::cout << line << "\n";
    return {};
  });
}

Outcome<journal::AuditReport> verify_over_socket(Session& session, const SignerOptions& options) {
  std::optional<journal::AuditCheck> check;
  const auto newest = ask_page(session, 0, 1);
  if (!newest) return tl::unexpected(newest.error());
  if (newest->last() == 0) return fail_with(Exit::kFailed, "signer: the audit log has no line yet");
  // From the middle on: the line before is taken as it is found.
  const auto from = options.from > newest->first() ? options.from - 1 : 0;
  const auto read =
      each_line(session, from, newest->last(), [&](const std::string& line) -> Outcome<void> {
        if (!check && from != 0) {
          const auto hash = journal::audit_field(line, "hash").value_or("");
          check.emplace(journal::AuditChain(journal::audit_number(line), hash), options.head);
          return {};
        }
        if (!check) check.emplace(journal::AuditCheck::chain_before(line), options.head);
        if (auto whole = check->line(line); !whole) {
          return fail_with(Exit::kDifference, "signer: " + whole.error().text);
        }
        return {};
      });
  if (!read) return tl::unexpected(read.error());
  const auto report = check->finish("signer");
  if (!report) return fail_with(Exit::kDifference, report.error().text);
  if (report->last != newest->last() || report->head != newest->head()) {
    return fail_with(Exit::kDifference,
                     fmt::format("signer: expected line {} with hash {} at the end, found line {} "
                                 "with hash {}",
                                 newest->last(), newest->head(), report->last, report->head));
  }
  return *report;
}

Outcome<void> print_report(Session& session, const std::string& where,
                           const journal::AuditReport& report) {
  if (session.json()) {
    std::cout << fmt::format(
        R"({{"folder":{},"files":{},"first":{},"last":{},"head":"{}","signed":{},"refused":{}}})"
        "\n",
        json_text(where), report.files, report.first, report.last, report.head,
        report.signed_actions, report.refused);
  } else {
    std::cout << fmt::format("{}: whole: {}lines {} to {}, {} signed, {} refused\nhead {}\n", where,
                             report.files == 0 ? "" : fmt::format("{} files, ", report.files),
                             report.first, report.last, report.signed_actions, report.refused,
                             report.head);
  }
  return {};
}

Outcome<void> verify_log(Session& session, const SignerOptions& options) {
  if (options.over_socket) {
    const auto report = verify_over_socket(session, options);
    return report ? print_report(session, "signer", *report) : tl::unexpected(report.error());
  }
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
  return print_report(session, folder.string(), *report);
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
  auto* over_socket = verify_app.add_flag("--socket", options->over_socket,
                                          "ask the running signer for the lines (operators only)");
  verify_app.add_option("--from", options->from, "with --socket: begin with this line")
      ->needs(over_socket);
  auto& log_app =
      registry.add(group, "log", "lines of the audit log, from the running signer",
                   [options](Session& session) { return print_log(session, *options); });
  log_app.add_option("--from", options->from, "number of the first line; the last ones by default");
  log_app.add_option("--count", options->count, "how many lines")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

}  // namespace perpwire::cli
