#include "services/persister/persister_app.hpp"

#include "libs/common/assert.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <map>
#include <utility>

namespace perpwire::persister {
namespace {

namespace asio = boost::asio;
constexpr auto kFiguresEvery = std::chrono::milliseconds(200);

using Figure = double;  // not money: a metric
Figure figure(std::size_t count) { return static_cast<Figure>(count); }

}  // namespace

struct PersisterApp::Figures {
  explicit Figures(Metrics& metrics, const std::vector<SourceConfig>& sources)
      : events(metrics.counter("perpwire_persister_events_total", "Events stored")),
        duplicates(metrics.counter("perpwire_persister_duplicates_total",
                                   "Events that came again and were left as they were")),
        fill_repeats(metrics.counter("perpwire_persister_fill_repeats_total",
                                     "Further events for an execution already counted")),
        fill_conflicts(metrics.counter("perpwire_persister_fill_conflicts_total",
                                       "Of these, with another price, amount or side")),
        gaps(metrics.counter("perpwire_persister_gaps_total",
                             "Gaps recorded: events that no journal holds any more")),
        unreadable(metrics.counter("perpwire_persister_unreadable_total",
                                   "Payloads kept as they came because they did not parse")),
        transactions(metrics.counter("perpwire_persister_transactions_total", "Transactions")),
        delays(metrics.counter("perpwire_persister_delays_total",
                               "Times the database was locked, full or gone")),
        transaction_seconds(
            metrics.histogram("perpwire_persister_transaction_seconds", "Time of one transaction")),
        state(metrics.gauge("perpwire_persister_state", "0 = well, 1 = DEGRADED")),
        queue_depth(metrics.gauge("perpwire_queue_depth", "Items waiting", {{"queue", "store"}})),
        queue_capacity(
            metrics.gauge("perpwire_queue_capacity", "Most items", {{"queue", "store"}})) {
    for (const auto& source : sources) {
      const Labels labels{{"source", source.name}};
      lag.push_back(metrics.gauge("perpwire_persister_lag_events",
                                  "Events known to exist and not yet read", labels));
      reachable.push_back(
          metrics.gauge("perpwire_persister_source_up", "1 = answers with pages", labels));
      mismatch.push_back(
          metrics.gauge("perpwire_peer_mismatch", "1 = the peer refuses our contract", labels));
    }
  }

  Counter events, duplicates, fill_repeats, fill_conflicts, gaps, unreadable, transactions, delays;
  Histogram transaction_seconds;
  Gauge state, queue_depth, queue_capacity;
  std::vector<Gauge> lag, reachable, mismatch;
};

PersisterApp::PersisterApp(ServiceContext& context, StoreWriter::OpenStore open_store,
                           std::vector<SourceConfig> sources)
    : context_(context),
      source_configs_(std::move(sources)),
      figures_(std::make_unique<Figures>(context.metrics(), source_configs_)),
      figures_timer_(context.io()) {
  // From the writer's thread to the deciding one.
  const auto hand_over = [&io = context.io(), alive = std::weak_ptr(alive_)](auto work) {
    asio::post(io, [alive, work = std::move(work)]() mutable {
      if (alive.lock()) work();
    });
  };
  StoreWriter::Handlers handlers;
  handlers.on_opened = [this, hand_over](std::vector<StreamCursor> cursors) {
    hand_over([this, cursors = std::move(cursors)] { start_sources(cursors); });
  };
  handlers.on_committed = [this, hand_over](std::vector<CommittedBatch> from, ApplyCounts counts,
                                            Nanos took) {
    hand_over([this, from = std::move(from), counts, took] { on_committed(from, counts, took); });
  };
  handlers.on_delayed = [this, hand_over](std::string reason) {
    hand_over([this, reason = std::move(reason)] { on_delayed(reason); });
  };
  handlers.on_fatal = [this, hand_over](Error error) {
    hand_over([this, error = std::move(error)] { context_.fail_at_run_time(error.text); });
  };
  context_.set_health([this] { return health(); });
  std::size_t in_flight = 0;
  for (const auto& source : source_configs_) in_flight += source.reader.most_uncommitted();
  writer_ = std::make_unique<StoreWriter>(std::move(open_store), std::move(handlers),
                                          StoreWriterOptions{.queue_capacity = in_flight});
  figures_->queue_capacity.set(figure(writer_->capacity()));
  update_figures();
}

PersisterApp::~PersisterApp() {
  context_.set_health({});
  alive_.reset();
}

void PersisterApp::start_sources(const std::vector<StreamCursor>& cursors) {
  for (const auto& cursor : cursors) {
    spdlog::info("stored stream={} next_sequence={} closed={}", cursor.stream, cursor.next_sequence,
                 cursor.closed);
  }
  for (std::size_t i = 0; i < source_configs_.size(); ++i) {
    SourceLink::Handlers handlers;
    handlers.on_batch = [this, i](Batch batch) {
      // The readers together hold back before the queue is full (most_uncommitted).
      PW_ASSERT(writer_->try_push({.source = i, .batch = std::move(batch)}));
    };
    handlers.on_alarm = [this, i](const std::string& text) {
      spdlog::error("source={} {}", source_configs_[i].name, text);
    };
    sources_.push_back(std::make_unique<SourceLink>(
        context_.io(), context_.zmq(), source_configs_[i], cursors, std::move(handlers)));
  }
}

void PersisterApp::on_committed(const std::vector<CommittedBatch>& batches,
                                const ApplyCounts& counts, Nanos took) {
  const auto add = [](Counter& counter, std::uint64_t by) {
    if (by != 0) counter.increment(figure(by));
  };
  add(figures_->events, counts.events);
  add(figures_->duplicates, counts.duplicates);
  add(figures_->fill_repeats, counts.fill_repeats);
  add(figures_->fill_conflicts, counts.fill_conflicts);
  add(figures_->gaps, counts.gaps);
  add(figures_->unreadable, counts.unreadable);
  figures_->transactions.increment();
  figures_->transaction_seconds.observe(std::chrono::duration<Figure>(took).count());
  if (counts.fill_conflicts != 0) {
    spdlog::error("fill_conflicts={} (table fill_repeats, same_content = 0)",
                  counts.fill_conflicts);
  }
  for (const auto& batch : batches) {
    sources_[batch.source]->on_committed(batch.stream, batch.next_sequence);
  }
}

void PersisterApp::on_delayed(const std::string& reason) {
  delayed_ = reason;
  if (reason.empty()) {
    spdlog::info("state=RUNNING database is well again");
  } else {
    figures_->delays.increment();
    spdlog::warn("state=DEGRADED reason=\"{}\", nothing is lost, trying again", reason);
  }
  figures_->state.set(reason.empty() ? 0 : 1);
}

void PersisterApp::update_figures() {
  figures_->queue_depth.set(figure(writer_->queued()));
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    figures_->lag[i].set(figure(sources_[i]->reader().behind()));
    figures_->reachable[i].set(sources_[i]->reader().reachable() ? 1 : 0);
    figures_->mismatch[i].set(sources_[i]->refused().empty() ? 0 : 1);
  }
  figures_timer_.expires_after(kFiguresEvery);
  figures_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) update_figures();
  });
}

std::string PersisterApp::health() const {
  if (!delayed_.empty()) return "DEGRADED: " + delayed_;
  for (const auto& source : sources_) {
    if (!source->refused().empty()) return source->name() + ": " + source->refused();
  }
  return {};
}

}  // namespace perpwire::persister
