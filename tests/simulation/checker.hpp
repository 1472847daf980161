#pragma once

#include <string>
#include <vector>

namespace perpwire::simulation {

class World;

/// Compares, at rest, what the venue itself knows with what the gateway says: its tracker, its
/// journal, the events that it published, its positions; and what the signer signed. Its own code:
/// it derives everything from the venue's books and the journal's records, nothing from the
/// tracker.
///
/// No order lost, none doubled; every fill counted once; no UNKNOWN left; FAILED only where the
/// venue never had it; positions equal; (stream, sequence) unique and gapless; ends told once; the
/// states of each order legal by ARCHITECTURE.md section 4; limits never exceeded.
void check(const World& world, std::vector<std::string>& findings);

}  // namespace perpwire::simulation
