#include "tests/simulation/planted.hpp"

namespace perpwire::simulation {

int planted = 0;

const std::vector<Plant>& plants() {
  static const std::vector<Plant> kPlants{
#include "plant_names.inc"
  };
  return kPlants;
}

}  // namespace perpwire::simulation
