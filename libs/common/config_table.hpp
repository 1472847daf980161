#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/time.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire {

/// One key that was asked for, as the generated reference shows it.
struct ConfigKey {
  std::string path;      // "order_gateway.ws_post.timeout_ms"
  std::string type;      // "text", "integer from 1 to 50", "one of a, b", ...
  std::string fallback;  // as one would write it; empty = required, or none
};

/// One table of a TOML file, read key by key.
///
/// Every accessor marks its key as known; finish() then refuses whatever was not asked for, naming
/// the nearest known key. Errors:   ConfigError "FILE:LINE: KEY: expected ..., found ..." from
/// every accessor. Lifetime: a table keeps its file's contents alive; cheap to copy.
class ConfigTable {
 public:
  /// Reads a file. ConfigError if it is missing or no TOML.
  static ConfigTable load(const std::filesystem::path& file);
  /// The same from text; `name` stands for the file in errors.
  static ConfigTable parse(std::string_view text, std::string_view name);

  [[nodiscard]] bool has(std::string_view key) const;
  /// A sub-table; an empty one where the key is absent.
  [[nodiscard]] ConfigTable table(std::string_view key);
  /// The sub-tables of this table in file order, each marked as known: accounts, venues, instances.
  [[nodiscard]] std::vector<std::string> table_names();

  std::string text(std::string_view key, std::string_view fallback);
  std::string required_text(std::string_view key);
  /// One of `words`.
  std::string word(std::string_view key, std::initializer_list<std::string_view> words,
                   std::string_view fallback);
  std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t least,
                       std::int64_t most);
  bool boolean(std::string_view key, bool fallback);
  std::vector<std::string> list(std::string_view key, std::vector<std::string> fallback);
  /// A table of texts with free keys, such as aliases; empty where the key is absent.
  std::map<std::string, std::string> text_map(std::string_view key);
  /// An exact number: a string of digits, or a TOML integer. TOML floats are refused: they are
  /// doubles.
  std::optional<Decimal> decimal(std::string_view key);
  /// "250ms", "10s", "5m", "8h" or "30d".
  Nanos duration(std::string_view key, Nanos fallback);

  /// Refuses unknown keys here and in every sub-table that was handed out.
  void finish() const;

  /// Every key asked for so far of the whole file, each once, in the order of asking.
  [[nodiscard]] const std::vector<ConfigKey>& asked() const;

  /// A ConfigError about a key of this table that breaks a rule across keys.
  [[noreturn]] void refuse(std::string_view key, std::string_view expected,
                           std::string_view found) const;

 private:
  struct Impl;
  explicit ConfigTable(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;
};

/// The word of `known` that is nearest to `word` by edit distance, empty if none is near.
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);

/// Every leaf of a TOML file as "table.key" with its value as text: for comparing two
/// configurations.
std::vector<std::pair<std::string, std::string>> flatten_config(const std::filesystem::path& file);

}  // namespace perpwire
