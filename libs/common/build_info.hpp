#pragma once

#include <string_view>

namespace perpwire {

std::string_view version();
/// The commit this binary was built from; heartbeats and `hello` carry it.
std::string_view build_id();
/// SHA-256 (hex) of the FileDescriptorSet of proto/perpwire/v1: peers with another one refuse each
/// other.
std::string_view contract_hash();

}  // namespace perpwire
