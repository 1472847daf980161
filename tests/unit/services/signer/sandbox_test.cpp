#include "services/signer/sandbox.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace perpwire::signer {
namespace {

/// Runs `body` in a child inside the sandbox; its return value is the exit code.
template <class Body>
int in_sandbox(Body body, bool binds_tcp = false) {
  const auto child = ::fork();
  if (child == 0) {
    enter_sandbox(binds_tcp);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int refused(int family) { return ::socket(family, SOCK_STREAM, 0) < 0 && errno == EACCES ? 0 : 1; }

TEST(Sandbox, OnlyUnixSocketsCanBeMade) {
  EXPECT_EQ(in_sandbox([] { return refused(AF_INET); }), 0);
  EXPECT_EQ(in_sandbox([] { return refused(AF_INET6); }), 0);
  EXPECT_EQ(in_sandbox([] { return refused(AF_NETLINK); }), 0);
  EXPECT_EQ(in_sandbox([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : 1; }), 0);
}

/// A socket of 127.0.0.1 that listens; its address in `bound`.
int listener(sockaddr_in& bound) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  bound = {};
  bound.sin_family = AF_INET;
  bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof bound;
  auto* address = reinterpret_cast<sockaddr*>(&bound);
  const bool done = ::bind(fd, address, size) == 0 && ::listen(fd, 1) == 0 &&
                    ::getsockname(fd, address, &size) == 0;
  return done ? fd : -1;
}

TEST(Sandbox, ForTcpIpSocketsCanBeMadeAndNoOthers) {
  EXPECT_EQ(in_sandbox(
                [] {
                  for (const int family : {AF_INET, AF_INET6, AF_UNIX}) {
                    if (::socket(family, SOCK_STREAM, 0) < 0 && errno == EACCES) return 1;
                  }
                  if (::socket(AF_NETLINK, SOCK_RAW, 0) < 0) return 2;
                  for (const int family : {AF_PACKET, AF_VSOCK, AF_ALG, AF_UNSPEC, AF_MAX}) {
                    if (refused(family) != 0) return 3;
                  }
                  return 0;
                },
                true),
            0);
}

TEST(Sandbox, OnceBoundNothingConnectsOrBindsAnyMoreButPeersComeIn) {
  EXPECT_EQ(in_sandbox(
                [] {
                  sockaddr_in bound{};
                  const int listening = listener(bound);
                  const int spare = ::socket(AF_INET, SOCK_STREAM, 0);
                  const int peer = ::socket(AF_INET, SOCK_STREAM, 0);
                  const auto* address = reinterpret_cast<const sockaddr*>(&bound);
                  if (listening < 0 || ::connect(peer, address, sizeof bound) != 0) return 1;
                  forbid_connections();
                  const int accepted = ::accept(listening, nullptr, nullptr);
                  if (accepted < 0) return 2;
                  // Neither a new socket, nor one of before, nor the accepted one set free.
                  if (refused(AF_INET) != 0 || refused(AF_NETLINK) != 0) return 3;
                  if (::connect(spare, address, sizeof bound) == 0 || errno != EACCES) return 4;
                  sockaddr_in nowhere{};
                  nowhere.sin_family = AF_UNSPEC;
                  if (::connect(accepted, reinterpret_cast<const sockaddr*>(&nowhere),
                                sizeof nowhere) == 0 ||
                      errno != EACCES) {
                    return 5;
                  }
                  if (::bind(spare, address, sizeof bound) == 0 || errno != EACCES) return 6;
                  if (::listen(spare, 1) == 0 || errno != EACCES) return 7;
                  return ::send(accepted, "x", 1, 0) == 1 ? 0 : 8;
                },
                true),
            0);
}

TEST(Sandbox, ThreadsMadeLaterAreInsideToo) {
  EXPECT_EQ(in_sandbox([] {
              int result = 1;
              std::thread{[&] { result = refused(AF_INET); }}.join();
              return result;
            }),
            0);
}

TEST(Sandbox, ThreadsThereAlreadyAreInsideToo) {
  const auto child = ::fork();
  if (child == 0) {
    std::array<int, 2> ready{};
    if (::pipe(ready.data()) != 0) {
      ::_exit(2);
    }
    int result = 1;
    std::thread early{[&] {
      char byte = 0;
      result = ::read(ready[0], &byte, 1) == 1 ? refused(AF_INET) : 3;
    }};
    enter_sandbox();
    static_cast<void>(::write(ready[1], "x", 1) == 1);
    early.join();
    ::_exit(result);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Sandbox, ProgramsCannotBeRunNorRingsMade) {
  EXPECT_EQ(in_sandbox([] {
              ::execl("/bin/true", "true", nullptr);
              return errno == EACCES ? 0 : 1;
            }),
            0);
  EXPECT_EQ(in_sandbox([] {
              return ::syscall(SYS_io_uring_setup, 8, nullptr) < 0 && errno == EACCES ? 0 : 1;
            }),
            0);
}

TEST(Sandbox, NoCoreDumpsAndNoDebuggerOfTheSameUser) {
  EXPECT_EQ(in_sandbox([] {
              rlimit limit{1, 1};
              ::getrlimit(RLIMIT_CORE, &limit);
              return limit.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace perpwire::signer
