#include "services/signer/sandbox.hpp"

#include "libs/common/result.hpp"

#include <fmt/format.h>
#include <seccomp.h>

#include <array>
#include <cerrno>
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

void install_filter() {
  const std::unique_ptr<void, decltype(&seccomp_release)> filter{seccomp_init(SCMP_ACT_ALLOW),
                                                                 &seccomp_release};
  if (filter == nullptr) {
    refuse("no seccomp filter", ENOMEM);
  }
  const auto denied = SCMP_ACT_ERRNO(EACCES);
  const auto check = [](int result) {
    if (result < 0) {
      refuse("seccomp rule", -result);
    }
  };
  // SCMP_A0 is C alone: a compound literal.
  const scmp_arg_cmp no_unix_socket{
      .arg = 0, .op = SCMP_CMP_NE, .datum_a = static_cast<scmp_datum_t>(AF_UNIX), .datum_b = 0};
  for (const int call : {SCMP_SYS(socket), SCMP_SYS(socketpair)}) {
    check(seccomp_rule_add_array(filter.get(), denied, call, 1, &no_unix_socket));
  }
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
    check(seccomp_rule_add(filter.get(), denied, call, 0));
  }
  check(seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1));  // threads there already
  check(seccomp_load(filter.get()));                                // sets no_new_privs as well
}

}  // namespace

void enter_sandbox() {
  forbid_core_dumps();
  install_filter();
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
