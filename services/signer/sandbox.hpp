#pragma once

#include <string>

namespace perpwire::signer {

/// Takes away what a signer never needs, for this process and every thread it will make: call it
/// before the first thread and the first ZeroMQ context.
///
///   - sockets of any family but AF_UNIX, io_uring (which could make them), running programs,
///     looking into other processes, loading kernel code: refused by a seccomp filter (EACCES).
///     `binds_tcp`: IP sockets too, and the netlink socket by which libzmq finds the addresses to
///     bind, until forbid_connections()
///   - core dumps, and reading its memory by debuggers of the same user
///
/// Throws ConfigError if the kernel refuses: a signer outside of its sandbox does not start.
void enter_sandbox(bool binds_tcp = false);

/// Once all sockets are bound: a second filter on every thread. From now on no socket but AF_UNIX
/// can be made, and none can connect or bind, whatever the first one allowed: peers come in by
/// accept alone, and nothing of the signer's can call out. Throws as enter_sandbox.
void forbid_connections();

/// Locks the memory of the process against swapping, as far as RLIMIT_MEMLOCK allows (the keys'
/// own pages are locked apart). Returns what was not possible, for the log; empty = all.
std::string lock_memory();

}  // namespace perpwire::signer
