#include "libs/common/hello.hpp"

#include "libs/common/build_info.hpp"
#include "perpwire/v1/orders.pb.h"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire {

v1::Hello own_hello(std::string_view process, std::string_view instance) {
  v1::Hello hello;
  hello.set_process(std::string(process));
  hello.set_instance(std::string(instance));
  hello.set_version(std::string(version()));
  hello.set_build(std::string(build_id()));
  hello.set_contract(std::string(contract_hash()));
  return hello;
}

Status check_hello(const v1::Hello& theirs, const v1::Hello& ours, const HelloPolicy& policy) {
  if (theirs.contract() != ours.contract()) {
    return fail(
        ErrorCode::kVersionMismatch,
        fmt::format("{} {} has contract {}, {} {} has contract {}", ours.process(), ours.version(),
                    ours.contract(), theirs.process(), theirs.version(), theirs.contract()));
  }
  const bool listed = std::find(policy.allow_builds.begin(), policy.allow_builds.end(),
                                theirs.build()) != policy.allow_builds.end();
  if (policy.same_build && theirs.build() != ours.build() && !listed) {
    return fail(ErrorCode::kVersionMismatch,
                fmt::format("{} is build {}, {} is build {}, which allow_builds does not list",
                            ours.process(), ours.build(), theirs.process(), theirs.build()));
  }
  return {};
}

}  // namespace perpwire
