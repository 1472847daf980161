#include "libs/common/curve.hpp"
#include "libs/keystore/keystore_folder.hpp"
#include "libs/keystore/passphrase.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/table.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <unistd.h>

namespace perpwire::cli {
namespace {

struct KeyOptions {
  std::string name;
  std::string passphrase;
  std::string keystore;        // import: another V3 file
  std::string old_passphrase;  // of that file
  std::string private_key;     // import: where to read 64 hex digits
  bool light = false;
};

Failure wrong(const Error& error) {
  return {error.code == ErrorCode::kIo ? Exit::kFailed : Exit::kUsage, error.text};
}

/// Where the passphrase comes from: what was asked for, the terminal where there is one, else what
/// the signer is configured to read.
std::string passphrase_source(const Settings& settings, const std::string& asked) {
  if (!asked.empty()) return asked;
  return isatty(STDIN_FILENO) != 0 ? "terminal" : settings.signer.passphrase;
}

/// Asked twice on a terminal: a typing error would lock the key away for ever.
Outcome<Secret> new_passphrase(const Settings& settings, const std::string& asked) {
  const auto source = passphrase_source(settings, asked);
  auto first = keystore::read_passphrase(source, "New passphrase: ");
  if (!first) return tl::unexpected(wrong(first.error()));
  if (source != "terminal") return std::move(*first);
  const auto second = keystore::read_passphrase(source, "The same again: ");
  if (!second) return tl::unexpected(wrong(second.error()));
  const auto a = first->bytes();
  const auto b = second->bytes();
  if (!std::equal(a.begin(), a.end(), b.begin(), b.end())) {
    return fail_with(Exit::kUsage, "expected the same passphrase twice, found two");
  }
  return std::move(*first);
}

keystore::ScryptCost cost(const KeyOptions& options) {
  return options.light ? keystore::ScryptCost::kLight : keystore::ScryptCost::kStandard;
}

std::vector<std::string> accounts_of(const Settings& settings, const std::string& key) {
  std::vector<std::string> names;
  for (const auto& [name, account] : settings.accounts) {
    if (account.key == key) names.push_back(name);
  }
  return names;
}

Outcome<void> print_made(Session& session, const Result<keystore::KeyInfo>& made) {
  if (!made) return tl::unexpected(wrong(made.error()));
  if (session.json()) {
    std::cout << fmt::format(R"({{"name":{},"address":{},"file":{}}})", json_text(made->name),
                             json_text(made->address), json_text(made->file.string()))
              << "\n";
    return {};
  }
  std::cout << fmt::format("{} {} in {}\n", made->name, made->address, made->file.string());
  const auto settings = session.settings();
  if (settings && (*settings)->mode != Mode::kSim) {
    std::cout << fmt::format(
        "next: approve {} as an API wallet of your account at the venue ({}), there or with "
        "perpwire "
        "keys approve {}\n",
        made->address, (*settings)->network(), made->name);
  }
  return {};
}

Outcome<void> confirm_if_live(Session& session, const Settings& settings, const std::string& name) {
  if (settings.mode != Mode::kLive) return {};
  return session.confirm(fmt::format("key {} will sign orders with real money", name), "live");
}

Outcome<void> make(Session& session, const KeyOptions& options) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  if (auto name = keystore::check_key_name(options.name); !name) {
    return tl::unexpected(wrong(name.error()));
  }
  if (auto go = confirm_if_live(session, **settings, options.name); !go) return go;
  const auto passphrase = new_passphrase(**settings, options.passphrase);
  if (!passphrase) return tl::unexpected(passphrase.error());
  return print_made(session, keystore::create_key((*settings)->signer.keystore_dir, options.name,
                                                  *passphrase, cost(options)));
}

Outcome<void> import_file(Session& session, const Settings& settings, const KeyOptions& options) {
  std::ifstream in(options.keystore, std::ios::binary);
  if (!in) {
    return fail_with(Exit::kUsage, fmt::format("--keystore: expected a readable file, found {}",
                                               options.keystore));
  }
  const std::string json((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto old = keystore::read_passphrase(
      options.old_passphrase.empty() ? "terminal" : options.old_passphrase,
      fmt::format("Passphrase of {}: ", options.keystore));
  if (!old) return tl::unexpected(wrong(old.error()));
  const auto passphrase = new_passphrase(settings, options.passphrase);
  if (!passphrase) return tl::unexpected(passphrase.error());
  return print_made(session, keystore::import_keystore(settings.signer.keystore_dir, options.name,
                                                       json, *old, *passphrase, cost(options)));
}

Outcome<void> import_text(Session& session, const Settings& settings, const KeyOptions& options) {
  const auto text = keystore::read_passphrase(options.private_key, "Private key (64 hex digits): ");
  if (!text) return tl::unexpected(wrong(text.error()));
  const auto bytes = text->bytes();
  const auto key = SigningKey::from_hex(
      std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (!key) return tl::unexpected(wrong(key.error()));
  const auto passphrase = new_passphrase(settings, options.passphrase);
  if (!passphrase) return tl::unexpected(passphrase.error());
  return print_made(session, keystore::import_key(settings.signer.keystore_dir, options.name, *key,
                                                  *passphrase, cost(options)));
}

Outcome<void> import(Session& session, const KeyOptions& options) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  if (auto name = keystore::check_key_name(options.name); !name) {
    return tl::unexpected(wrong(name.error()));
  }
  if (options.keystore.empty() == options.private_key.empty()) {
    return fail_with(Exit::kUsage,
                     fmt::format("expected one of --keystore and --private-key, found {}",
                                 options.keystore.empty() ? "none" : "both"));
  }
  if (auto go = confirm_if_live(session, **settings, options.name); !go) return go;
  return options.keystore.empty() ? import_text(session, **settings, options)
                                  : import_file(session, **settings, options);
}

Outcome<void> list(Session& session) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  const auto keys = keystore::list_keys((*settings)->signer.keystore_dir);
  if (!keys) return tl::unexpected(wrong(keys.error()));
  Table table({"name", "address", "accounts"});
  std::string json = "[";
  for (const auto& key : *keys) {
    const auto accounts = accounts_of(**settings, key.name);
    table.add({key.name, key.address, cell(fmt::format("{}", fmt::join(accounts, ", ")))});
    std::string names;
    for (const auto& name : accounts) names += (names.empty() ? "" : ",") + json_text(name);
    json += fmt::format(R"({}{{"name":{},"address":{},"accounts":[{}]}})",
                        json.size() > 1 ? ",\n " : "", json_text(key.name), json_text(key.address),
                        names);
  }
  std::cout << (session.json() ? json + "]\n" : table.text());
  return {};
}

/// The same files as CZMQ and pyzmq make: NAME.key_secret; here it holds the public half too.
Outcome<void> make_curve(Session& session, const std::string& file) {
  const auto keys = CurveKeys::make();
  if (auto saved = keys.save(file); !saved) return tl::unexpected(wrong(saved.error()));
  if (session.json()) {
    std::cout << fmt::format(R"({{"public_key":{},"file":{}}})", json_text(keys.public_key()),
                             json_text(file))
              << "\n";
  } else {
    std::cout << fmt::format(
        "public key {}\nkey pair in {} (mode 0600: only its owner's processes can use it)\n",
        keys.public_key(), file);
  }
  return {};
}

void add_common(CLI::App& app, KeyOptions& options) {
  app.add_option("name", options.name, "of the keystore file: what [accounts.X] key says")
      ->required();
  app.add_option(
      "--passphrase", options.passphrase,
      "where to read it: fd:N, credential:NAME or terminal; never the passphrase itself");
  app.add_flag("--light", options.light, "cheap to guess: for tests and the simulator only");
}

}  // namespace

void add_keys_commands(Registry& registry) {
  auto& group = registry.group("keys", "keystore files of the signer");
  const auto options = std::make_shared<KeyOptions>();
  auto& make_app = registry.add(group, "new", "make a random key",
                                [options](Session& session) { return make(session, *options); });
  add_common(make_app, *options);
  auto& import_app =
      registry.add(group, "import", "take over an existing key",
                   [options](Session& session) { return import(session, *options); });
  add_common(import_app, *options);
  import_app.add_option("--keystore", options->keystore, "another V3 file (geth, ethers, foundry)");
  import_app.add_option("--old-passphrase", options->old_passphrase,
                        "where to read that file's; terminal by default");
  import_app.add_option("--private-key", options->private_key,
                        "where to read 64 hex digits: fd:N, credential:NAME or terminal");
  registry.add(group, "list", "names and addresses, and which accounts use them", list);
  const auto curve_file = std::make_shared<std::string>();
  auto& curve_app =
      registry.add(group, "curve", "make a key pair for connections over TCP",
                   [curve_file](Session& session) { return make_curve(session, *curve_file); });
  curve_app.add_option("file", *curve_file, "new file for the pair, like gateway.key_secret")
      ->required();
  add_approve_command(registry, group);
  add_rotate_commands(registry, group);
}

}  // namespace perpwire::cli
