#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/side.hpp"

#include <optional>
#include <vector>

namespace perpwire::gateway {

/// The fills of one pair that carry the same venue time, and where they lead. A block gives all its
/// fills one time, and a snapshot or a late frame brings them in any order: each says from which
/// position it started, so that they are put in their order by that. Pure.
class FillChain {
 public:
  struct Step {
    Quantity start;   // the position before the fill, signed
    Quantity change;  // signed
    Price price;
    bool passed = false;    // our position contains it
    bool doubtful = false;  // or not: an earlier life did not say
  };

  /// Another instant begins; `before`: our position when its first fill came, none = not known.
  void begin(std::optional<Quantity> before);
  void add(const Step& step) { steps_.push_back(step); }
  [[nodiscard]] bool empty() const { return steps_.empty(); }

  /// The position after all of them; none: one in between is not known.
  [[nodiscard]] std::optional<Quantity> end(const Quantity& ours) const;
  /// The steps that lead on from `ours`, one after another; they count as passed from now on.
  std::vector<Step> walk(Quantity ours);
  void pass_all();
  /// What those of one side may add to our position: the sum of what it need not contain, signed.
  [[nodiscard]] Quantity beyond(Side side) const;

 private:
  std::optional<Quantity> before_;
  std::vector<Step> steps_;
};

}  // namespace perpwire::gateway
