#include "libs/common/config_table.hpp"

#include "libs/common/result.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <numeric>
#include <set>

namespace perpwire {
namespace {

std::string describe(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return fmt::format("\"{}\"", node.as_string()->get());
    case toml::node_type::integer:
      return fmt::format("{}", node.as_integer()->get());
    case toml::node_type::floating_point:
      return fmt::format("the floating-point number {}", node.as_floating_point()->get());
    case toml::node_type::boolean:
      return node.as_boolean()->get() ? "true" : "false";
    default:
      return "a date or time";
  }
}

std::string in_quotes(std::string_view text) { return fmt::format("\"{}\"", text); }

/// In the largest unit that holds it whole.
std::string duration_text(Nanos time) {
  constexpr std::array<std::pair<std::int64_t, const char*>, 4> kUnits{
      {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}}};
  const auto millis = time.count() / 1'000'000;
  for (const auto& [unit, name] : kUnits) {
    if (millis != 0 && millis % unit == 0) return fmt::format("{}{}", millis / unit, name);
  }
  return fmt::format("{}ms", millis);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

void flatten(const toml::node& node, const std::string& path,
             std::vector<std::pair<std::string, std::string>>& out) {
  if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table) {
      flatten(value, path.empty() ? std::string(key.str()) : fmt::format("{}.{}", path, key.str()),
              out);
    }
    return;
  }
  if (const auto* array = node.as_array()) {
    std::string text = "[";
    for (const auto& item : *array) {
      if (text.size() > 1) text += ", ";
      text += describe(item);
    }
    out.emplace_back(path, text + "]");
    return;
  }
  out.emplace_back(path, describe(node));
}

toml::table parse_file(const std::filesystem::path& file) {
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    if (error.source().begin.line == 0) {
      throw ConfigError(fmt::format("{}: expected a readable TOML file, found: {}", file.string(),
                                    error.description()));
    }
    throw ConfigError(fmt::format("{}:{}: expected TOML, found: {}", file.string(),
                                  error.source().begin.line, error.description()));
  }
}

}  // namespace

std::string nearest_word(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 2) + 1;
  for (const auto& candidate : known) {
    const auto distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::vector<std::pair<std::string, std::string>> flatten_config(const std::filesystem::path& file) {
  std::vector<std::pair<std::string, std::string>> out;
  flatten(parse_file(file), "", out);
  std::sort(out.begin(), out.end());
  return out;
}

struct ConfigTable::Impl {
  std::shared_ptr<const toml::table> root;  // keeps the file alive
  const toml::table* table = nullptr;       // null: the table is absent, everything falls back
  std::string file;
  std::string path;
  std::set<std::string, std::less<>> known;
  std::map<std::string, std::shared_ptr<Impl>, std::less<>> children;
  std::shared_ptr<std::vector<ConfigKey>> asked;  // one for the whole file

  void note(std::string_view key, std::string type, std::string fallback) const {
    auto full = key_path(key);
    const bool again = std::any_of(asked->begin(), asked->end(),
                                   [&](const ConfigKey& each) { return each.path == full; });
    if (!again) asked->push_back({std::move(full), std::move(type), std::move(fallback)});
  }

  [[nodiscard]] std::string key_path(std::string_view key) const {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }
  const toml::node* find(std::string_view key) {
    known.emplace(key);
    return table == nullptr ? nullptr : table->get(key);
  }
  [[noreturn]] void refuse(std::string_view key, const toml::node* node, std::string_view expected,
                           std::string_view found) const {
    const auto where =
        node != nullptr ? fmt::format("{}:{}", file, node->source().begin.line) : file;
    throw ConfigError(
        fmt::format("{}: {}: expected {}, found {}", where, key_path(key), expected, found));
  }
};

ConfigTable ConfigTable::load(const std::filesystem::path& file) {
  auto impl = std::make_shared<Impl>();
  impl->root = std::make_shared<const toml::table>(parse_file(file));
  impl->table = impl->root.get();
  impl->file = file.string();
  impl->asked = std::make_shared<std::vector<ConfigKey>>();
  return ConfigTable(std::move(impl));
}

ConfigTable ConfigTable::parse(std::string_view text, std::string_view name) {
  auto impl = std::make_shared<Impl>();
  try {
    impl->root = std::make_shared<const toml::table>(toml::parse(text, name));
  } catch (const toml::parse_error& error) {
    throw ConfigError(fmt::format("{}:{}: expected TOML, found: {}", name,
                                  error.source().begin.line, error.description()));
  }
  impl->table = impl->root.get();
  impl->file = std::string(name);
  impl->asked = std::make_shared<std::vector<ConfigKey>>();
  return ConfigTable(std::move(impl));
}

bool ConfigTable::has(std::string_view key) const {
  return impl_->table != nullptr && impl_->table->contains(key);
}

ConfigTable ConfigTable::table(std::string_view key) {
  if (const auto found = impl_->children.find(key); found != impl_->children.end()) {
    return ConfigTable(found->second);
  }
  const auto* node = impl_->find(key);
  if (node != nullptr && !node->is_table()) impl_->refuse(key, node, "a table", describe(*node));
  auto child = std::make_shared<Impl>();
  child->root = impl_->root;
  child->table = node == nullptr ? nullptr : node->as_table();
  child->file = impl_->file;
  child->path = impl_->key_path(key);
  child->asked = impl_->asked;
  impl_->children.emplace(key, child);
  return ConfigTable(std::move(child));
}

std::vector<std::string> ConfigTable::table_names() {
  std::vector<std::pair<toml::source_position, std::string>> found;
  if (impl_->table != nullptr) {
    for (const auto& [key, value] : *impl_->table) {
      if (value.is_table()) found.emplace_back(value.source().begin, std::string(key.str()));
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (auto& [position, name] : found) names.push_back(std::move(name));
  return names;
}

std::string ConfigTable::text(std::string_view key, std::string_view fallback) {
  impl_->note(key, "text", in_quotes(fallback));
  const auto* node = impl_->find(key);
  if (node == nullptr) return std::string(fallback);
  if (!node->is_string()) impl_->refuse(key, node, "text in quotes", describe(*node));
  return node->as_string()->get();
}

std::string ConfigTable::required_text(std::string_view key) {
  impl_->note(key, "text, required", "");
  if (impl_->find(key) == nullptr)
    impl_->refuse(key, impl_->table, "text in quotes", "no such key");
  return text(key, "");
}

std::string ConfigTable::word(std::string_view key, std::initializer_list<std::string_view> words,
                              std::string_view fallback) {
  impl_->note(key, fmt::format("one of {}", fmt::join(words, ", ")), in_quotes(fallback));
  auto value = text(key, fallback);
  if (std::find(words.begin(), words.end(), value) == words.end()) {
    impl_->refuse(key, impl_->find(key), fmt::format("one of {}", fmt::join(words, ", ")),
                  fmt::format("\"{}\"", value));
  }
  return value;
}

std::int64_t ConfigTable::integer(std::string_view key, std::int64_t fallback, std::int64_t least,
                                  std::int64_t most) {
  impl_->note(key,
              most == INT64_MAX ? fmt::format("integer from {}", least)
                                : fmt::format("integer from {} to {}", least, most),
              fmt::format("{}", fallback));
  const auto* node = impl_->find(key);
  if (node == nullptr) return fallback;
  const auto expected = fmt::format("an integer from {} to {}", least, most);
  if (!node->is_integer()) impl_->refuse(key, node, expected, describe(*node));
  const auto value = node->as_integer()->get();
  if (value < least || value > most) impl_->refuse(key, node, expected, describe(*node));
  return value;
}

bool ConfigTable::boolean(std::string_view key, bool fallback) {
  impl_->note(key, "true or false", fallback ? "true" : "false");
  const auto* node = impl_->find(key);
  if (node == nullptr) return fallback;
  if (!node->is_boolean()) impl_->refuse(key, node, "true or false", describe(*node));
  return node->as_boolean()->get();
}

std::vector<std::string> ConfigTable::list(std::string_view key,
                                           std::vector<std::string> fallback) {
  std::vector<std::string> words;
  for (const auto& word : fallback) words.push_back(in_quotes(word));
  impl_->note(key, "list of texts", fmt::format("[{}]", fmt::join(words, ", ")));
  const auto* node = impl_->find(key);
  if (node == nullptr) return fallback;
  if (node->is_string()) return {node->as_string()->get()};
  if (!node->is_array()) impl_->refuse(key, node, "a list of texts", describe(*node));
  std::vector<std::string> out;
  for (const auto& item : *node->as_array()) {
    if (!item.is_string()) impl_->refuse(key, &item, "a list of texts", describe(item));
    out.push_back(item.as_string()->get());
  }
  return out;
}

std::map<std::string, std::string> ConfigTable::text_map(std::string_view key) {
  impl_->note(key, "table of texts", "");
  auto texts = table(key);
  std::map<std::string, std::string> out;
  if (texts.impl_->table == nullptr) return out;
  for (const auto& [name, value] : *texts.impl_->table)
    out[std::string(name.str())] = texts.text(name.str(), "");
  return out;
}

std::optional<Decimal> ConfigTable::decimal(std::string_view key) {
  impl_->note(key, "number in quotes", "");
  const auto* node = impl_->find(key);
  if (node == nullptr) return std::nullopt;
  if (node->is_integer()) return Decimal(node->as_integer()->get());
  if (!node->is_string())
    impl_->refuse(key, node, "a number in quotes, such as \"0.5\"", describe(*node));
  const auto value = Decimal::parse(node->as_string()->get());
  if (!value) impl_->refuse(key, node, "a number in quotes, such as \"0.5\"", describe(*node));
  return *value;
}

Nanos ConfigTable::duration(std::string_view key, Nanos fallback) {
  constexpr std::string_view kExpected =
      "a duration such as \"250ms\", \"10s\", \"5m\", \"8h\" or \"30d\"";
  impl_->note(key, "duration", in_quotes(duration_text(fallback)));
  const auto* node = impl_->find(key);
  if (node == nullptr) return fallback;
  if (!node->is_string()) impl_->refuse(key, node, kExpected, describe(*node));
  const std::string& value = node->as_string()->get();
  std::int64_t count = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), count);
  const std::string_view unit(end, static_cast<std::size_t>(value.data() + value.size() - end));
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kUnits{
      {{"ms", 1'000'000},
       {"s", 1'000'000'000},
       {"m", 60'000'000'000},
       {"h", 3'600'000'000'000},
       {"d", 86'400'000'000'000}}};
  const auto* found = std::find_if(kUnits.begin(), kUnits.end(),
                                   [&](const auto& row) { return row.first == unit; });
  std::int64_t nanos = 0;
  if (code != std::errc{} || count < 0 || found == kUnits.end() ||
      __builtin_mul_overflow(count, found->second, &nanos)) {
    impl_->refuse(key, node, kExpected, describe(*node));
  }
  return Nanos{nanos};
}

const std::vector<ConfigKey>& ConfigTable::asked() const { return *impl_->asked; }

void ConfigTable::finish() const {
  if (impl_->table != nullptr) {
    for (const auto& [key, value] : *impl_->table) {
      if (impl_->known.contains(key.str())) continue;
      const auto near = nearest_word(key.str(), {impl_->known.begin(), impl_->known.end()});
      throw ConfigError(
          fmt::format("{}:{}: {}: expected a known key{}, found \"{}\"", impl_->file,
                      key.source().begin.line, impl_->path.empty() ? "top level" : impl_->path,
                      near.empty() ? "" : fmt::format(" (nearest is \"{}\")", near), key.str()));
    }
  }
  for (const auto& [name, child] : impl_->children) ConfigTable(child).finish();
}

void ConfigTable::refuse(std::string_view key, std::string_view expected,
                         std::string_view found) const {
  impl_->refuse(key, impl_->find(key), expected, found);
}

}  // namespace perpwire
