#pragma once

#include "tests/simulation/scheduler.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace perpwire::simulation {

/// What happened in a run, one line an event, for people and for comparing two runs byte by byte.
/// Off by default: a line that nobody reads costs nothing.
class Trace {
 public:
  Trace(const Scheduler& scheduler, bool on) : scheduler_(scheduler), on_(on) {}

  [[nodiscard]] bool on() const { return on_; }
  template <class... Args>
  void line(std::string_view who, fmt::format_string<Args...> format, Args&&... args) {
    if (!on_) return;
    const auto micros = scheduler_.now().count() / 1'000;
    fmt::format_to(std::back_inserter(text_), "{:>5}.{:06} {:<8} ", micros / 1'000'000,
                   micros % 1'000'000, who);
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  const Scheduler& scheduler_;
  bool on_;
  std::string text_;
};

/// The beginning of a long text, for a line.
inline std::string_view brief(std::string_view text, std::size_t most = 400) {
  return text.substr(0, most);
}

}  // namespace perpwire::simulation
