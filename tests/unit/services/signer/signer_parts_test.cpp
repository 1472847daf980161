#include "services/signer/asset_pins.hpp"
#include "services/signer/clock_guard.hpp"
#include "services/signer/issued_nonces.hpp"
#include "services/signer/key_ring.hpp"
#include "services/signer/lease_table.hpp"
#include "services/signer/nonce_source.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace perpwire::signer {
namespace {

using namespace std::chrono_literals;

// ---- nonces ----

/// A disk that keeps the newest mark.
struct Disk {
  std::uint64_t mark = 0;
  int writes = 0;
  bool broken = false;
  NonceSource::Reserve reserve() {
    return [this](std::uint64_t to) -> Status {
      if (broken) {
        return fail(ErrorCode::kIo, "disk full");
      }
      mark = to;
      ++writes;
      return {};
    };
  }
};

TEST(NonceSource, FollowsTheClockAndNeverStandsStill) {
  Disk disk;
  NonceSource nonces{0};
  EXPECT_EQ(nonces.next(1'000, disk.reserve()), 1'000U);
  EXPECT_EQ(nonces.next(1'000, disk.reserve()), 1'001U);
  EXPECT_EQ(nonces.next(400, disk.reserve()), 1'002U);  // the clock stepped back
  EXPECT_EQ(nonces.next(2'000, disk.reserve()), 2'000U);
  EXPECT_EQ(disk.writes, 1);
}

TEST(NonceSource, TheMarkIsDurableBeforeANonceAboveItIsUsed) {
  Disk disk;
  NonceSource nonces{0};
  std::mt19937_64 random(
      static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed()));
  std::uint64_t now = 1'000'000;
  for (int i = 0; i < 20'000; ++i) {
    now += random() % 40;
    const auto nonce = nonces.next(now, disk.reserve());
    ASSERT_TRUE(nonce);
    ASSERT_LE(*nonce, disk.mark);
    if (const auto mark = nonces.top_up(); mark && random() % 2 == 0) {
      disk.mark = *mark;
      nonces.reserved(*mark);
    }
  }
}

TEST(NonceSource, KillsAndClockStepsNeverRepeatANonce) {
  std::mt19937_64 random(
      static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed()));
  Disk disk;
  std::set<std::uint64_t> used;
  constexpr std::int64_t kHour = 3'600'000;
  std::int64_t now = 1'700'000'000'000;
  std::int64_t latest = now;
  NonceSource nonces{0};
  for (int i = 0; i < 50'000; ++i) {
    switch (random() % 200) {
      case 0:
        nonces = NonceSource{disk.mark};  // kill -9 and restart
        break;
      case 1:
        now += kHour;
        break;
      case 2:
        // At most 12 hours behind: farther than a day, nonces are refused by rule.
        if (latest - now < 12 * kHour) now -= kHour;
        break;
      default:
        now += static_cast<std::int64_t>(random() % 3);
    }
    latest = std::max(latest, now);
    const auto nonce = nonces.next(static_cast<std::uint64_t>(now), disk.reserve());
    if (nonce) {
      ASSERT_TRUE(used.insert(*nonce).second) << *nonce;
      ASSERT_EQ(*used.rbegin(), *nonce);  // strictly increasing
    }
  }
  EXPECT_GT(used.size(), 40'000U);
}

TEST(NonceSource, AFailedWriteUsesNothing) {
  Disk disk;
  disk.broken = true;
  NonceSource nonces{0};
  const auto refused = nonces.next(1'000, disk.reserve());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kIo);
  disk.broken = false;
  EXPECT_EQ(nonces.next(1'000, disk.reserve()), 1'000U);
}

TEST(NonceSource, RefusesNoncesThatTheVenueWouldNotTake) {
  Disk disk;
  const std::uint64_t now = 1'700'000'000'000;
  NonceSource nonces{now + NonceSource::kMaxAheadMs};  // marked while the clock was a day ahead
  const auto refused = nonces.next(now, disk.reserve());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().text.starts_with("rule nonce_window")) << refused.error().text;
  EXPECT_TRUE(nonces.next(now + 1, disk.reserve()));
}

// ---- issued nonces ----

TEST(IssuedNonces, KnowWhatWasSignedForTwoMinutesAndTheLatestExpiryForEver) {
  IssuedNonces issued;
  issued.add({"k", "main", 5, 9'000, 10s});
  issued.add({"k", "main", 6, 8'000, 20s});
  issued.add({"k", "other", 7, 0, 20s});
  EXPECT_TRUE(issued.contains("k", "main", 5, 130s));
  EXPECT_FALSE(issued.contains("k", "main", 5, 131s));
  EXPECT_FALSE(issued.contains("k2", "main", 6, 21s));
  EXPECT_FALSE(issued.contains("k", "other", 6, 21s));
  EXPECT_EQ(issued.of_account("main", 131s), std::vector<std::uint64_t>{6});
  EXPECT_EQ(issued.latest_expiry("main"), 9'000U);
  EXPECT_EQ(issued.latest_expiry("none"), 0U);
  issued.set_floor(8'500);
  EXPECT_EQ(issued.latest_expiry("main"), 9'000U);
  EXPECT_EQ(issued.latest_expiry("none"), 8'500U);
}

TEST(IssuedNonces, ALongListIsLeftOutAndANoopDoesNotDoubleAnEntry) {
  IssuedNonces issued;
  for (std::uint64_t n = 0; n < IssuedNonces::kMaxListed; ++n) {
    issued.add({"k", "main", n, 0, 1s});
    issued.add({"k", "main", n, 0, 1s});
  }
  EXPECT_EQ(issued.of_account("main", 2s).size(), IssuedNonces::kMaxListed);
  issued.add({"k", "main", 1'000'000, 0, 1s});
  EXPECT_TRUE(issued.of_account("main", 2s).empty());
  EXPECT_TRUE(issued.contains("k", "main", 1'000'000, 2s));
}

// ---- leases ----

LeaseQuestion question(const std::string& holder, const std::string& boot = "b1",
                       bool take_over = false) {
  return {holder, boot, take_over};
}

TEST(LeaseTable, OneHolderKeepsItsEpochAndOthersAreRefusedByName) {
  LeaseTable leases;
  const auto first = leases.ask("main", question("gw.a"), 0s);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->record.epoch, 1U);
  EXPECT_FALSE(first->same_instance);
  leases.apply("main", *first, 0s);
  EXPECT_TRUE(leases.check("main", 1));
  const auto again = leases.ask("main", question("gw.a"), 3s);
  EXPECT_TRUE(again->same_instance);
  EXPECT_FALSE(again->changed);
  leases.apply("main", *again, 3s);
  const auto other = leases.ask("main", question("gw.b"), 13s);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kLeaseLost);
  EXPECT_EQ(other.error().text, "account main is held by gw.a with epoch 1");
}

TEST(LeaseTable, AnUnrenewedLeaseAndATakeOverGetANewEpochAndTheOldOneSignsNoMore) {
  LeaseTable leases;
  leases.apply("main", *leases.ask("main", question("gw.a"), 0s), 0s);
  const auto taken = leases.ask("main", question("gw.b", "b1", true), 1s);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->record.epoch, 2U);
  leases.apply("main", *taken, 1s);
  const auto old = leases.check("main", 1);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().text, "account main is held by gw.b with epoch 2, the request has 1");
  EXPECT_FALSE(leases.ask("main", question("gw.a"), 11s));
  const auto late = leases.ask("main", question("gw.a"), 12s);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->record.epoch, 3U);
}

TEST(LeaseTable, TheSameNameUnderAnotherBootGetsANewEpoch) {
  LeaseTable leases;
  leases.apply("main", *leases.ask("main", question("gw.a", "b1"), 0s), 0s);
  const auto rebooted = leases.ask("main", question("gw.a", "b2"), 1s);
  ASSERT_TRUE(rebooted);
  EXPECT_EQ(rebooted->record.epoch, 2U);
  EXPECT_FALSE(rebooted->same_instance);
}

TEST(LeaseTable, EpochsGoOnOverReleaseAndRestart) {
  LeaseTable leases;
  leases.apply("main", *leases.ask("main", question("gw.a"), 0s), 0s);
  EXPECT_FALSE(leases.release("main", question("gw.b")));
  leases.apply("main", *leases.release("main", question("gw.a")), 1s);
  EXPECT_FALSE(leases.check("main", 1));
  EXPECT_EQ(leases.ask("main", question("gw.b"), 1s)->record.epoch, 2U);
  LeaseTable restarted{{{"main", {7, "gw.a", "b1"}}}, 100s};
  EXPECT_TRUE(restarted.ask("main", question("gw.a"), 101s)->same_instance);
  EXPECT_FALSE(restarted.ask("main", question("gw.b"), 110s));
  EXPECT_EQ(restarted.ask("main", question("gw.b"), 111s)->record.epoch, 8U);
}

TEST(LeaseTable, AQuestionWithoutNameOrBootIsInvalid) {
  LeaseTable leases;
  EXPECT_EQ(leases.ask("main", question(""), 0s).error().code, ErrorCode::kInvalidCommand);
  EXPECT_EQ(leases.ask("main", question("a", ""), 0s).error().code, ErrorCode::kInvalidCommand);
  EXPECT_FALSE(leases.check("main", 0));
}

// ---- asset map ----

AssetEntry entry(const std::string& pair, std::uint64_t asset) {
  return {TradingPair{pair}, asset};
}

TEST(AssetPins, RefuseWrongAndUnknownNumbers) {
  AssetPins pins;
  EXPECT_EQ(pins.check(entry("BTC-USD", 0)).error().text,
            "rule asset_map: pair \"BTC-USD\" is not known: tell the asset map at hello");
  EXPECT_TRUE(pins.told({entry("BTC-USD", 0), entry("hyna:BTC-USD", 130'001)}).empty());
  EXPECT_TRUE(pins.check(entry("BTC-USD", 0)));
  EXPECT_EQ(pins.check(entry("BTC-USD", 110'000)).error().text,
            "rule asset_map: BTC-USD is asset 0, the action has 110000");
  EXPECT_FALSE(pins.check(entry("hyna:BTC-USD", 0)));
}

TEST(AssetPins, APinnedNumberOutlivesWhatClientsSayLater) {
  AssetPins pins{{entry("BTC-USD", 0)}};
  const auto conflicts = pins.told({entry("BTC-USD", 3), entry("ETH-USD", 0)});
  ASSERT_EQ(conflicts.size(), 2U);
  EXPECT_EQ(conflicts[0], "BTC-USD is asset 0, told 3");
  EXPECT_EQ(conflicts[1], "asset 0 is BTC-USD, told ETH-USD");
  EXPECT_TRUE(pins.check(entry("BTC-USD", 0)));
  EXPECT_FALSE(pins.check(entry("BTC-USD", 3)));
  EXPECT_FALSE(pins.check(entry("ETH-USD", 0)));
}

TEST(AssetPins, OnlyWhatWasUsedIsPinned) {
  AssetPins pins;
  pins.told({entry("BTC-USD", 0), entry("ETH-USD", 1)});
  EXPECT_TRUE(pins.is_new(entry("BTC-USD", 0)));
  pins.pin(entry("BTC-USD", 0));
  EXPECT_FALSE(pins.is_new(entry("BTC-USD", 0)));
  EXPECT_EQ(pins.pinned(), std::vector<AssetEntry>{entry("BTC-USD", 0)});
}

// ---- clocks ----

TEST(ClockGuard, RefusesALeapAndForgivesItsReturn) {
  const auto at = [](std::chrono::seconds wall, std::chrono::seconds boot) {
    return ClockReading{UnixNanos{} + Nanos(wall), Nanos(boot)};
  };
  ClockGuard guard{at(1'000'000s, 10s)};
  EXPECT_TRUE(guard.check(at(1'000'010s, 20s)));
  EXPECT_TRUE(guard.check(at(1'000'080s, 31s)));  // 59 s: within what is allowed
  const auto forward = guard.check(at(1'000'120s, 40s));
  ASSERT_FALSE(forward);
  EXPECT_TRUE(forward.error().text.starts_with("rule clock_leap: the wall clock leapt by "));
  EXPECT_TRUE(guard.check(at(1'000'040s, 50s)));
  EXPECT_FALSE(guard.check(at(999'900s, 60s)));
}

TEST(ClockGuard, FollowsSlowCorrectionsForEver) {
  ClockReading now{UnixNanos{1'700'000'000'000'000'000}, 10s};
  ClockGuard guard{now};
  for (int hour = 0; hour < 24 * 30; ++hour) {
    now.boot += 3600s;
    now.wall = now.wall + Nanos(3600s) + Nanos(1800ms);  // 500 ppm, the most that adjtime does
    ASSERT_TRUE(guard.check(now)) << hour;
  }
}

// ---- keys ----

KeyRing ring() {
  KeyRing keys;
  keys.add("agent-1", SigningKey::from_hex(std::string(64, '1')).value());
  return keys;
}

TEST(KeyRing, ADamagedFirstSignatureNeverLeavesAndSealsTheKey) {
  auto keys = ring();
  keys.damage_next_signature();
  const auto refused =
      keys.sign("agent-1", hyperliquid::Network::kTestnet, hyperliquid::NoopAction{}, {.nonce = 1});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().text.starts_with("rule sealed")) << refused.error().text;
  EXPECT_TRUE(keys.is_sealed("agent-1"));
  EXPECT_FALSE(keys.sign("agent-1", hyperliquid::Network::kTestnet, hyperliquid::NoopAction{},
                         {.nonce = 2}));
}

TEST(KeyRing, ALaterDamagedSignatureSealsTheKeyRightAfterRelease) {
  auto keys = ring();
  const auto sign = [&](std::uint64_t nonce) {
    return keys.sign("agent-1", hyperliquid::Network::kTestnet, hyperliquid::NoopAction{},
                     {.nonce = nonce});
  };
  ASSERT_TRUE(sign(1));
  EXPECT_FALSE(keys.has_unchecked());  // the first was checked before release
  keys.damage_next_signature();
  ASSERT_TRUE(sign(2));
  ASSERT_TRUE(keys.has_unchecked());
  EXPECT_EQ(keys.run_checks(10), std::vector<std::string>{"agent-1"});
  EXPECT_FALSE(sign(3));
}

TEST(KeyRing, EachNetworkVaultAndActionIsCheckedFirst) {
  auto keys = ring();
  const auto unchecked_after = [&](hyperliquid::Network network, const hyperliquid::Action& action,
                                   std::optional<Address> vault) {
    while (keys.has_unchecked()) {
      keys.run_checks(1);
    }
    EXPECT_TRUE(keys.sign("agent-1", network, action, {.nonce = 1, .vault_address = vault}));
    return keys.has_unchecked();
  };
  using enum hyperliquid::Network;
  EXPECT_FALSE(unchecked_after(kTestnet, hyperliquid::NoopAction{}, std::nullopt));
  EXPECT_TRUE(unchecked_after(kTestnet, hyperliquid::NoopAction{}, std::nullopt));
  EXPECT_FALSE(unchecked_after(kMainnet, hyperliquid::NoopAction{}, std::nullopt));
  EXPECT_FALSE(unchecked_after(kTestnet, hyperliquid::NoopAction{}, Address{}));
  EXPECT_FALSE(unchecked_after(kTestnet, hyperliquid::ScheduleCancelAction{}, std::nullopt));
}

}  // namespace
}  // namespace perpwire::signer
