#include "services/signer/sandbox.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdio>
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
int in_sandbox(Body body) {
  const auto child = ::fork();
  if (child == 0) {
    enter_sandbox();
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
