#pragma once

#include <string>

namespace perpwire::signer {

/// Takes away what a signer never needs, for this process and every thread it will make: call it
/// before the first thread and the first ZeroMQ context.
///
///   - sockets of any family but AF_UNIX, io_uring (which could make them), running programs,
///     looking into other processes, loading kernel code: refused by a seccomp filter (EACCES)
///   - core dumps, and reading its memory by debuggers of the same user
///
/// Throws ConfigError if the kernel refuses: a signer outside of its sandbox does not start.
void enter_sandbox();

/// Locks the memory of the process against swapping, as far as RLIMIT_MEMLOCK allows (the keys'
/// own pages are locked apart). Returns what was not possible, for the log; empty = all.
std::string lock_memory();

}  // namespace perpwire::signer
