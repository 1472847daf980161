#pragma once

#include <string_view>
#include <vector>

namespace perpwire::simulation {

/// Which of the planted bugs is awake; 0 = none. Only the simulator's own copies of the cores ask.
/// (plants.py)
extern int planted;

struct Plant {
  std::string_view name;
  std::string_view lesson;  // row of the list of lessons, or the guarantee
  std::string_view what;
};
/// Numbers begin at 1.
const std::vector<Plant>& plants();

}  // namespace perpwire::simulation
