#include "services/signer/sandbox.hpp"

#include "libs/common/result.hpp"

#include <fmt/format.h>
#include <seccomp.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace perpwire::signer {
namespace {

[[noreturn]] void refuse(const char* what, int error) {
  throw ConfigError(
      fmt::format("signer sandbox: {}: {}", what, std::strerror(error)));  // NOLINT: one thread
}

void forbid_core_dumps() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    refuse("core dumps cannot be forbidden", errno);
  }
}

/// A seccomp filter that lets through what no rule denies (EACCES).
class Filter {
 public:
  Filter() {
    if (filter_ == nullptr) {
      refuse("no seccomp filter", ENOMEM);
    }
  }
  void deny(int call) { check(seccomp_rule_add(filter_.get(), kDenied, call, 0)); }
  /// Where the call's first argument compares so.
  void deny(int call, scmp_compare compare, int value) {
    // SCMP_A0 is C alone: a compound literal.
    const scmp_arg_cmp first{
        .arg = 0, .op = compare, .datum_a = static_cast<scmp_datum_t>(value), .datum_b = 0};
    check(seccomp_rule_add_array(filter_.get(), kDenied, call, 1, &first));
  }
  /// On this thread, those there already and all later ones.
  void load() {
    check(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1));
    check(seccomp_load(filter_.get()));  // sets no_new_privs as well
  }

 private:
  static constexpr std::uint32_t kDenied = SCMP_ACT_ERRNO(EACCES);
  static void check(int result) {
    if (result < 0) {
      refuse("seccomp rule", -result);
    }
  }
  std::unique_ptr<void, decltype(&seccomp_release)> filter_{seccomp_init(SCMP_ACT_ALLOW),
                                                            &seccomp_release};
};

void install_filter(bool binds_tcp) {
  Filter filter;
  if (binds_tcp) {
    for (int family = 0; family < AF_MAX; ++family) {
      const bool needed =
          family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
      if (!needed) {
        filter.deny(SCMP_SYS(socket), SCMP_CMP_EQ, family);
      }
    }
    filter.deny(SCMP_SYS(socket), SCMP_CMP_GE, AF_MAX);
  } else {
    filter.deny(SCMP_SYS(socket), SCMP_CMP_NE, AF_UNIX);
  }
  filter.deny(SCMP_SYS(socketpair), SCMP_CMP_NE, AF_UNIX);
  constexpr std::array kForbidden{SCMP_SYS(execve),
                                  SCMP_SYS(execveat),
                                  SCMP_SYS(ptrace),
                                  SCMP_SYS(process_vm_readv),
                                  SCMP_SYS(process_vm_writev),
                                  SCMP_SYS(io_uring_setup),
                                  SCMP_SYS(io_uring_enter),
                                  SCMP_SYS(io_uring_register),
                                  SCMP_SYS(bpf),
                                  SCMP_SYS(kexec_load),
                                  SCMP_SYS(kexec_file_load),
                                  SCMP_SYS(init_module),
                                  SCMP_SYS(finit_module),
                                  SCMP_SYS(mount),
                                  SCMP_SYS(pivot_root),
                                  SCMP_SYS(userfaultfd),
                                  SCMP_SYS(perf_event_open),
                                  SCMP_SYS(add_key),
                                  SCMP_SYS(keyctl),
                                  SCMP_SYS(request_key)};
  for (const int call : kForbidden) {
    filter.deny(call);
  }
  filter.load();
}

}  // namespace

void enter_sandbox(bool binds_tcp) {
  forbid_core_dumps();
  install_filter(binds_tcp);
}

void forbid_connections() {
  Filter filter;
  filter.deny(SCMP_SYS(socket), SCMP_CMP_NE, AF_UNIX);
  for (const int call : {SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen)}) {
    filter.deny(call);
  }
  filter.load();
}

std::string lock_memory() {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  // Under a limit, locking what is mapped later would make those mappings fail.
  const int flags = limit.rlim_cur == RLIM_INFINITY ? MCL_CURRENT | MCL_FUTURE : MCL_CURRENT;
  if (::mlockall(flags) != 0) {
    return fmt::format("mlockall: {} (RLIMIT_MEMLOCK {} bytes)",
                       std::strerror(errno),  // NOLINT: one thread
                       limit.rlim_cur);
  }
  return {};
}

}  // namespace perpwire::signer
