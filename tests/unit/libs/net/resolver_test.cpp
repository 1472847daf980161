#include "libs/net/resolver.hpp"

#include "test_server.hpp"
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <thread>

namespace perpwire::net {
namespace {

TEST(Resolver, FindsThisMachineByName) {
  boost::asio::io_context io;
  Resolver resolver;
  std::optional<Result<Endpoints>> got;
  resolver.start(io, "localhost", 4001, [&](Result<Endpoints> found) { got = std::move(found); });
  ASSERT_TRUE(test::run_until(io, [&] { return got.has_value(); }));
  ASSERT_TRUE(*got);
  ASSERT_FALSE((*got)->empty());
  EXPECT_TRUE((*got)->front().address().is_loopback());
  EXPECT_EQ((*got)->front().port(), 4001);
}

TEST(Resolver, ANameThatIsNoneIsAnErrorWithTheSystemsWords) {
  boost::asio::io_context io;
  Resolver resolver;
  std::optional<Result<Endpoints>> got;
  resolver.start(
      io, "no-such-host.invalid", 1, [&](Result<Endpoints> found) { got = found; },
      [](const std::string&, std::uint16_t) -> Result<Endpoints> {
        return fail(ErrorCode::kIo, "Name or service not known");
      });
  ASSERT_TRUE(test::run_until(io, [&] { return got.has_value(); }));
  ASSERT_FALSE(*got);
  EXPECT_EQ(got->error().text, "Name or service not known");
}

// A name server that does not answer: neither cancel nor the end of the io_context waits for it.
TEST(Resolver, AHangingLookupHoldsUpNobody) {
  std::promise<void> answer;
  std::promise<void> lookup_ended;
  const auto answered = answer.get_future().share();
  const auto hang = [answered, &lookup_ended](const std::string&,
                                              std::uint16_t) -> Result<Endpoints> {
    answered.wait();
    lookup_ended.set_value();
    return Endpoints{};
  };
  bool called = false;
  {
    boost::asio::io_context io;
    Resolver resolver;
    resolver.start(
        io, "venue", 443, [&](const Result<Endpoints>&) { called = true; }, hang);
    test::run_for(io, std::chrono::milliseconds{20});
    resolver.cancel();
    io.restart();
    io.run();  // nothing is left to wait for
  }
  answer.set_value();
  lookup_ended.get_future().wait();
  EXPECT_FALSE(called);
}

TEST(Resolver, KeepsTheLoopAliveUntilItsAnswer) {
  boost::asio::io_context io;
  Resolver resolver;
  bool called = false;
  resolver.start(
      io, "venue", 443, [&](const Result<Endpoints>&) { called = true; },
      [](const std::string&, std::uint16_t) -> Result<Endpoints> {
        std::this_thread::sleep_for(std::chrono::milliseconds{30});  // a slow answer
        return Endpoints{};
      });
  io.run();
  EXPECT_TRUE(called);
}

}  // namespace
}  // namespace perpwire::net
