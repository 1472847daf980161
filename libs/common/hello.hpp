#pragma once

#include "libs/common/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace perpwire::v1 {
class Hello;
}

namespace perpwire {

/// This binary's own identity.
v1::Hello own_hello(std::string_view process, std::string_view instance);

struct HelloPolicy {
  /// Between gateway, signer and risk the build id must be the same too, unless listed here.
  bool same_build = false;
  std::vector<std::string> allow_builds = {};
};

/// Errors: kVersionMismatch naming both sides' contract (or build), ours first.
Status check_hello(const v1::Hello& theirs, const v1::Hello& ours, const HelloPolicy& policy);

}  // namespace perpwire
