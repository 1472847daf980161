#pragma once

#include "perpwire/v1/signing.pb.h"
#include "services/signer/signer_core.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/scheduler.hpp"
#include "tests/simulation/signer_disk.hpp"
#include "tests/simulation/trace.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace perpwire::simulation {

/// The machine's clocks and which boot of it this is: gateway and signer share one.
struct Machine {
  const Scheduler* scheduler = nullptr;
  UnixNanos start;       // true time at the run's beginning
  Nanos wall_offset{0};  // of its wall clock; steps change it
  int boot = 1;

  [[nodiscard]] UnixNanos wall() const { return start + scheduler->now() + wall_offset; }
  [[nodiscard]] Nanos mono() const { return scheduler->now() + std::chrono::hours{1}; }
  [[nodiscard]] std::string boot_id() const { return "boot-" + std::to_string(boot); }
};

/// One signature as it left the core, whether or not anybody got it.
struct SignedAction {
  Nanos at{0};
  v1::SignRequest request;
  std::uint64_t nonce = 0;
  std::uint64_t expires_after = 0;
  std::int64_t venue_ms = 0;       // the time of the venue's blocks then
  std::uint64_t newest_epoch = 0;  // that had been given to anybody
};

/// The signer's process: the real core over a simulated disk; killed and started again.
class SignerHost {
 public:
  SignerHost(Scheduler& scheduler, Machine& machine, const Plan& plan, Trace& trace);

  void start();
  void kill(const char* why);
  [[nodiscard]] bool alive() const { return core_ != nullptr; }
  /// Requests wait for so long.
  void hang(Nanos time) { hangs_until_ = scheduler_.now() + time; }
  [[nodiscard]] SignerDisk& disk() { return disk_; }

  /// The client's side: the answer, or kTimeout after 1.5 s. `assets` is its hello.
  void request(v1::SignRequest request, const v1::SignRequest& hello,
               std::function<void(const Result<v1::SignReply>&)> done);

  std::function<std::int64_t()> venue_time;
  [[nodiscard]] const std::vector<SignedAction>& signatures() const { return signatures_; }

 private:
  void serve(const v1::SignRequest& request, const v1::SignRequest& hello,
             const std::function<void(const Result<v1::SignReply>&)>& done);

  Scheduler& scheduler_;
  Machine& machine_;
  Trace& trace_;
  Random random_;
  SignerDisk disk_;
  std::unique_ptr<signer::SignerCore> core_;
  std::uint64_t life_ = 0;
  std::uint64_t newest_epoch_ = 0;
  Nanos hangs_until_{0};
  std::vector<SignedAction> signatures_;
};

}  // namespace perpwire::simulation
