#include "tests/simulation/signer_host.hpp"

#include "libs/common/assert.hpp"
#include "libs/common/secp256k1.hpp"
#include "tests/simulation/venue_host.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace perpwire::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// As services/order-gateway/signer_client.
constexpr Nanos kTimeout = milliseconds{1'500};

std::string words_of(const v1::SignRequest& request) {
  std::string text = request.type();
  for (const auto& order : request.order().orders()) text += " order " + order.cloid();
  for (const auto& one : request.batch_modify().modifies())
    text += " modify " + one.order().cloid();
  for (const auto& one : request.cancel_by_cloid().cancels()) text += " cancel " + one.cloid();
  if (request.has_noop()) text += " noop " + std::to_string(request.nonce());
  return text;
}

}  // namespace

SignerHost::SignerHost(Scheduler& scheduler, Machine& machine, const Plan& plan, Trace& trace)
    : scheduler_(scheduler),
      machine_(machine),
      trace_(trace),
      random_(plan.seed, "signer"),
      disk_(plan.seed) {}

void SignerHost::start() {
  ++life_;
  signer::SignerConfig config;
  const auto address = Address::parse(std::string(VenueHost::kAccount));
  PW_ASSERT(address.has_value());
  config.accounts["main"] = {"agent", *address, false};
  config.policy = signer::Policy::parse(
      "[keys.agent]\naccounts = [\"main\"]\ntrading_pairs = [\"*\"]\n"
      "max_expires_after_ms = 8000\n",
      "policy.toml");
  signer::KeyRing keys;
  auto key = SigningKey::from_hex(VenueHost::kAgentKey);
  PW_ASSERT(key.has_value());
  keys.add("agent", std::move(*key));
  const signer::ClockReading now{machine_.wall(), machine_.mono()};
  const auto state = disk_.load({"agent"}, machine_.boot_id(), now);
  core_ =
      std::make_unique<signer::SignerCore>(std::move(config), std::move(keys), state, disk_, now);
  trace_.line("signer", "starts");
}

void SignerHost::kill(const char* why) {
  if (core_ == nullptr) return;
  trace_.line("signer", "killed: {}", why);
  ++life_;
  core_.reset();
  disk_.kill_at_write = 0;
}

void SignerHost::request(v1::SignRequest request, const v1::SignRequest& hello,
                         std::function<void(const Result<v1::SignReply>&)> done) {
  // One answer: the signer's, or the client's own timeout.
  auto once = std::make_shared<std::function<void(const Result<v1::SignReply>&)>>(std::move(done));
  const auto finish = [once](const Result<v1::SignReply>& reply) {
    if (!*once) return;
    const auto told = std::move(*once);
    *once = {};
    told(reply);
  };
  scheduler_.after(kTimeout,
                   [finish] { finish(fail(ErrorCode::kTimeout, "the signer is silent")); });
  const Nanos wait = std::max(hangs_until_ - scheduler_.now(), Nanos{0}) +
                     microseconds{random_.between(20, 1'500)};
  scheduler_.after(
      wait, [this, request = std::move(request), hello, finish] { serve(request, hello, finish); });
}

void SignerHost::serve(const v1::SignRequest& request, const v1::SignRequest& hello,
                       const std::function<void(const Result<v1::SignReply>&)>& done) {
  if (core_ == nullptr) return;
  const std::uint64_t life = life_;
  try {
    core_->hear_assets(hello);
    const signer::ClockReading now{machine_.wall(), machine_.mono()};
    const v1::SignReply reply = core_->handle(request, now);
    trace_.line("signer", "{} -> {} {}{}", words_of(request), reply.status(),
                reply.has_lease() ? "epoch " + std::to_string(reply.lease().epoch())
                                  : std::to_string(reply.nonce()),
                reply.reason());
    newest_epoch_ = std::max(newest_epoch_, reply.lease().epoch());
    if (reply.status() == "OK" && request.type() == "sign") {
      signatures_.push_back({scheduler_.now(), request, reply.nonce(), reply.expires_after(),
                             venue_time(), newest_epoch_});
    }
    core_->run_deferred();
    // A signer that dies now has signed; its answer is lost.
    scheduler_.after(microseconds{random_.between(10, 500)}, [this, life, reply, done] {
      if (life == life_) done(reply);
    });
  } catch (const Killed&) {
    kill("while it wrote");
    scheduler_.after(random_.millis(50, 2'500), [this] {
      if (core_ == nullptr) start();
    });
  }
}

}  // namespace perpwire::simulation
