#pragma once

#include <string>
#include <vector>

namespace perpwire::cli {

/// Rows under a header, columns as wide as their widest cell, for people.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  /// One cell a column.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

/// What stands in a cell where nothing is known.
inline constexpr const char* kNothing = "-";

}  // namespace perpwire::cli
