#pragma once

namespace perpwire::simulation {

/// Thrown through a core at the instant at which its process is killed; its host catches it.
struct Killed {};

}  // namespace perpwire::simulation
