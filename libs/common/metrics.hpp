#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace perpwire {

using Labels = std::map<std::string, std::string>;

/// Handles to one time series each; cheap to copy, valid as long as their Metrics. Safe from any
/// thread.
class Counter {
 public:
  void increment(double by = 1);

 private:
  friend class Metrics;
  explicit Counter(prometheus::Counter& counter) : counter_(&counter) {}
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  void set(double value);

 private:
  friend class Metrics;
  explicit Gauge(prometheus::Gauge& gauge) : gauge_(&gauge) {}
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  void observe(double seconds);

 private:
  friend class Metrics;
  explicit Histogram(prometheus::Histogram& histogram) : histogram_(&histogram) {}
  prometheus::Histogram* histogram_;
};

/// A process's metrics in Prometheus form. Base units (seconds, bytes); names begin with perpwire_;
/// labels of low cardinality (venue, account, channel, code), never an order id.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// The same name and labels give the same series.
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  /// Buckets from 1 us to 10 s unless given, in seconds.
  Histogram histogram(const std::string& name, const std::string& help, const Labels& labels = {},
                      const std::vector<double>& bucket_bounds = {});

  /// Called before every collection, from the collecting thread: for figures that are read, not
  /// counted.
  void before_collect(std::function<void()> read);

  /// The text exposition format, process_* figures included.
  std::string text();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace perpwire
