#include "libs/limits/limits_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <numeric>
#include <sstream>
#include <utility>
#include <vector>

namespace perpwire::limits {
namespace {

constexpr std::array<std::string_view, 8> kKeys{
    "account",          "trading_pair",          "max_order_notional",
    "max_position",     "max_position_notional", "max_open_orders",
    "price_collar_bps", "max_daily_loss"};

/// Levenshtein distance: how many letters differ.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({row[j - 1] + 1, above + 1, changed});
      diagonal = above;
    }
  }
  return row.back();
}

std::string_view nearest_key(std::string_view unknown) {
  return *std::min_element(kKeys.begin(), kKeys.end(), [&](auto a, auto b) {
    return distance(a, unknown) < distance(b, unknown);
  });
}

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  Result<LimitTable> read(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (key.str() != "limits") {
        return refuse(node, key.str(), "a list of tables [[limits]]", "an unknown key");
      }
    }
    const toml::node* list = root.get("limits");
    if (list == nullptr) return LimitTable{};
    if (!list->is_array_of_tables()) {
      return refuse(*list, "limits", "a list of tables [[limits]]", kind_of(*list));
    }
    std::vector<LimitEntry> entries;
    for (const auto& element : *list->as_array()) {
      auto entry = read_entry(*element.as_table());
      if (!entry) return tl::unexpected<Error>(std::move(entry.error()));
      entries.push_back(std::move(*entry));
    }
    auto table = LimitTable::make(std::move(entries));
    if (!table) {
      return fail(table.error().code, fmt::format("{}: {}", file_, table.error().text));
    }
    return table;
  }

 private:
  tl::unexpected<Error> refuse(const toml::node& node, std::string_view key,
                               std::string_view expected, std::string_view found) const {
    return fail(ErrorCode::kInvalidCommand,
                fmt::format("{}:{}: {}: expected {}, found {}", file_, node.source().begin.line,
                            key, expected, found));
  }

  static std::string kind_of(const toml::node& node) {
    switch (node.type()) {
      case toml::node_type::string:
        return fmt::format("\"{}\"", **node.as_string());
      case toml::node_type::integer:
        return fmt::format("{}", **node.as_integer());
      case toml::node_type::floating_point:
        return "a bare number with a point";
      case toml::node_type::boolean:
        return "a boolean";
      case toml::node_type::table:
        return "a table";
      case toml::node_type::array:
        return "an array";
      default:
        return "something else";
    }
  }

  Result<LimitEntry> read_entry(const toml::table& table) {
    LimitEntry entry;
    for (const auto& [key, node] : table) {
      if (auto status = read_key(key.str(), node, entry); !status) {
        return tl::unexpected<Error>(status.error());
      }
    }
    return entry;
  }

  Status read_key(std::string_view key, const toml::node& node, LimitEntry& entry) {
    if (key == "account") return read_name(key, node, entry.account);
    if (key == "trading_pair") return read_name(key, node, entry.trading_pair);
    if (key == "max_order_notional") return read_decimal(key, node, entry.max_order_notional);
    if (key == "max_position") return read_decimal(key, node, entry.max_position);
    if (key == "max_position_notional") return read_decimal(key, node, entry.max_position_notional);
    if (key == "max_open_orders") return read_count(key, node, entry.max_open_orders);
    if (key == "price_collar_bps") return read_count(key, node, entry.price_collar_bps);
    if (key == "max_daily_loss") return read_decimal(key, node, entry.max_daily_loss);
    return refuse(node, key, "a known key",
                  fmt::format("an unknown one: is {} meant?", nearest_key(key)));
  }

  template <class Id>
  Status read_name(std::string_view key, const toml::node& node, Id& out) const {
    const auto* text = node.as_string();
    if (text == nullptr || text->get().empty()) {
      return refuse(node, key, "a name in quotes", kind_of(node));
    }
    out = Id{text->get()};
    return {};
  }

  template <class Strong>
  Status read_decimal(std::string_view key, const toml::node& node,
                      std::optional<Strong>& out) const {
    using Number = typename Strong::NumberType;
    std::string digits;
    if (const auto* whole = node.as_integer()) digits = std::to_string(whole->get());
    if (const auto* text = node.as_string()) digits = text->get();
    if (const auto number = Number::parse(digits)) {
      out = Strong{*number};
      return {};
    }
    return refuse(node, key, "a decimal in quotes or a whole number", kind_of(node));
  }

  Status read_count(std::string_view key, const toml::node& node,
                    std::optional<std::uint32_t>& out) const {
    const auto* whole = node.as_integer();
    if (whole == nullptr || whole->get() < 0 ||
        whole->get() > std::numeric_limits<std::uint32_t>::max()) {
      return refuse(node, key, "a whole number from 0 to 4294967295", kind_of(node));
    }
    out = static_cast<std::uint32_t>(whole->get());
    return {};
  }

  std::string file_;
};

}  // namespace

Result<LimitTable> parse_limits(std::string_view text, std::string_view file) {
  // Debian builds the library with exceptions; this is the one place that sees them.
  try {
    return Reader{file}.read(toml::parse(text, file));
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::kInvalidCommand,
                fmt::format("{}:{}: expected TOML, found an error: {}", file,
                            error.source().begin.line, error.description()));
  }
}

Result<LimitTable> load_limits(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    return fail(ErrorCode::kIo, fmt::format("{}: expected a limits file, found none", path));
  }
  return parse_limits(text.str(), path);
}

}  // namespace perpwire::limits
