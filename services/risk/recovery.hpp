#pragma once

#include "libs/common/gap_tracker.hpp"
#include "libs/common/result.hpp"
#include "services/risk/engine.hpp"
#include "services/risk/kill_switch.hpp"
#include "services/risk/limits_memory.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace perpwire::v1 {
class Envelope;
class JournalRecord;
class Mids;
class RiskDayState;
class RiskLimits;
class RiskState;
}  // namespace perpwire::v1

namespace perpwire::risk {

/// What risk keeps in its journal beside its published events, and how it becomes state again:
/// every input that moved money is kept, a recovery plays them to a fresh engine.
namespace notes {
v1::JournalRecord gateway_event(std::string_view topic, const v1::Envelope& envelope);
v1::JournalRecord adoption(const Adoption& adoption);
v1::JournalRecord kill_switch(const KillSwitchMemory& memory);
v1::JournalRecord limits(const LimitsMemory& memory);
v1::JournalRecord marks(const v1::Mids& mids);
v1::JournalRecord day(const v1::RiskDayState& day);
/// Everything at once: what lies before it in the journal is needed no more.
v1::JournalRecord checkpoint(const Engine& engine, const std::optional<StreamPosition>& gateway,
                             const KillSwitchMemory& kill_switch, const LimitsMemory& limits);
}  // namespace notes

/// Plays a journal to an engine that has no limits yet (it only counts). Pure.
class Recovery {
 public:
  explicit Recovery(Engine& engine) : engine_(engine) {}

  /// Records of other kinds, and published events, are passed over.
  void on_record(const v1::JournalRecord& record);

  [[nodiscard]] const std::optional<KillSwitchMemory>& kill_switch() const { return kill_switch_; }
  [[nodiscard]] const std::optional<LimitsMemory>& limits() const { return limits_; }
  /// From where the gateway's events are wanted; nothing = never seen one.
  [[nodiscard]] const std::optional<StreamPosition>& gateway() const { return gateway_; }
  /// The first note that could not be read: such a journal is not played half.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  Status play(std::string_view name, const std::string& value, UnixNanos at);
  Status play_gateway_event(const std::string& value, UnixNanos at);
  Status play_adoption(const std::string& value);
  Status play_checkpoint(const std::string& value);
  Status play_kill_switch(const v1::RiskState& state);
  Status play_limits(const v1::RiskLimits& message, LimitsOrigin origin);

  Engine& engine_;
  std::optional<KillSwitchMemory> kill_switch_;
  std::optional<LimitsMemory> limits_;
  std::optional<StreamPosition> gateway_;
  Status status_;
};

}  // namespace perpwire::risk
