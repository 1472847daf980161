#pragma once

#include "libs/common/backoff.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// The questions of /info that make the asset map, in rounds. Pure.
///
/// An answer that came is kept: only what is missing is asked again, ever more slowly, so that a
/// venue that answers one request in four (429: its weight is used up) is not kept from it by
/// these very questions, and every round gets further. Complete, all are asked anew after a minute.
class AssetMapQuestions {
 public:
  struct Question {
    std::size_t id = 0;
    std::string body;  // of POST /info
  };
  static constexpr Nanos kRefresh = std::chrono::seconds{60};
  /// The least wait between two rounds of one map; the backoff's jitter comes on top.
  static constexpr Nanos kRetry = std::chrono::milliseconds{250};

  AssetMapQuestions(const std::vector<std::string>& dexs, std::uint64_t seed);

  /// Starts a round. Each question returned must get its on_answer before the next one.
  std::vector<Question> begin_round();
  /// `answer`: the body of a 200, or why there is none.
  void on_answer(std::size_t id, Result<std::string> answer);
  /// Every question of the round was answered, well or not.
  [[nodiscard]] bool round_over() const { return outstanding_ == 0; }

  struct Outcome {
    /// Set when all the answers are there and make a map.
    std::optional<hyperliquid::Instruments> instruments;
    /// What is missing, for the log; empty if nothing is.
    std::string problem;
    /// Until the next round.
    Nanos next{0};
  };
  /// After round_over().
  Outcome finish_round();

 private:
  struct Entry {
    std::string name;
    std::string body;
    std::string dex;
    std::optional<std::string> answer = std::nullopt;
    std::string problem = {};
  };

  std::vector<Entry> entries_;  // perpDexs, spotMeta, then one meta for each DEX
  std::size_t outstanding_ = 0;
  Backoff backoff_;
};

}  // namespace perpwire::gateway
