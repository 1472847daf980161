#pragma once

#include "libs/common/metrics.hpp"
#include "libs/common/service.hpp"
#include "services/persister/source_link.hpp"
#include "services/persister/store_writer.hpp"

#include <memory>
#include <string>
#include <vector>

namespace perpwire::persister {

/// Wires the sources to the writer, and both to logs, metrics and health.
///
/// Threads: the io_context's. It asks nothing of the processes that it reads but pages, so whatever
/// happens to it, trading goes on.
class PersisterApp {
 public:
  /// `context` outlives it.
  PersisterApp(ServiceContext& context, StoreWriter::OpenStore open_store,
               std::vector<SourceConfig> sources);
  ~PersisterApp();
  PersisterApp(const PersisterApp&) = delete;
  PersisterApp& operator=(const PersisterApp&) = delete;

 private:
  struct Figures;

  void start_sources(const std::vector<StreamCursor>& cursors);
  void on_committed(const std::vector<CommittedBatch>& batches, const ApplyCounts& counts,
                    Nanos took);
  void on_delayed(const std::string& reason);
  void update_figures();
  [[nodiscard]] std::string health() const;

  ServiceContext& context_;
  std::vector<SourceConfig> source_configs_;
  std::unique_ptr<Figures> figures_;
  std::vector<std::unique_ptr<SourceLink>> sources_;
  std::string delayed_;
  boost::asio::steady_timer figures_timer_;
  /// Lives as long as this; a handler posted by the writer checks it.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<StoreWriter> writer_;  // last: its thread ends before what it reports to
};

}  // namespace perpwire::persister
