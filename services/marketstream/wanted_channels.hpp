#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perpwire::marketstream {

/// Who wants which channel of which pair: the configuration, and clients by their `subscribe`
/// requests. A channel is fed while anybody wants it, so that one client's `unsubscribe` never
/// takes data from another. Pure.
class WantedChannels {
 public:
  static constexpr std::string_view kConfiguration = "";

  /// Returns: true if nobody wanted it before. Wanting twice is wanting once.
  bool add(std::string_view user, const std::string& pair, const std::string& channel);
  /// Returns: true if nobody wants it now and this user did.
  bool remove(std::string_view user, const std::string& pair, const std::string& channel);
  [[nodiscard]] bool wanted(std::string_view pair, std::string_view channel) const;
  /// All (pair, channel) that somebody wants.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> all() const;
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::map<std::string, std::map<std::string, std::set<std::string, std::less<>>, std::less<>>,
           std::less<>>
      users_;
  std::size_t size_ = 0;
};

}  // namespace perpwire::marketstream
