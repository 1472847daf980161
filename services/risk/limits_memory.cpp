#include "services/risk/limits_memory.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace perpwire::risk {
namespace {

bool has_no_figure(const limits::LimitEntry& entry) {
  limits::LimitEntry empty;
  empty.account = entry.account;
  empty.trading_pair = entry.trading_pair;
  return entry == empty;
}

}  // namespace

Result<LimitsMemory> choose_limits(const std::optional<LimitsMemory>& durable,
                                   const limits::LimitTable& file, std::string_view policy) {
  if (!durable) return LimitsMemory{.table = file, .version = 1, .origin = LimitsOrigin::kFile};
  if (durable->table == file) return *durable;
  const LimitsMemory from_file{
      .table = file, .version = durable->version + 1, .origin = LimitsOrigin::kFile};
  if (durable->origin == LimitsOrigin::kFile || policy == "file") return from_file;
  if (policy == "durable") return *durable;
  return fail(ErrorCode::kInvalidCommand,
              fmt::format("the limits file differs from the limits that were set at run time: "
                          "expected on_limits_difference = \"file\" or \"durable\", found \"{}\" "
                          "(run time -> file: {})",
                          policy, fmt::join(limits::differences(durable->table, file), "; ")));
}

Result<LimitsMemory> change_limits(const LimitsMemory& current,
                                   const std::vector<limits::LimitEntry>& changes) {
  std::vector<limits::LimitEntry> entries = current.table.entries();
  for (const auto& change : changes) {
    const auto same = [&](const limits::LimitEntry& entry) {
      return entry.account == change.account && entry.trading_pair == change.trading_pair;
    };
    const bool removal = has_no_figure(change);
    const auto existed = std::erase_if(entries, same);
    if (removal && existed == 0) {
      return fail(ErrorCode::kInvalidCommand,
                  fmt::format("limits of {} {}: expected an entry to remove, found none",
                              change.account.value(), change.trading_pair.value()));
    }
    if (!removal) entries.push_back(change);
  }
  auto table = limits::LimitTable::make(std::move(entries));
  if (!table) return tl::unexpected<Error>(std::move(table.error()));
  return LimitsMemory{.table = std::move(*table),
                      .version = current.version + 1,
                      .origin = LimitsOrigin::kOperator};
}

}  // namespace perpwire::risk
