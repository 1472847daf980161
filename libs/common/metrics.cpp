#include "libs/common/metrics.hpp"

#include "libs/common/build_info.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <unistd.h>

namespace perpwire {
namespace {

const std::vector<double>& default_buckets() {
  static const std::vector<double> kBuckets{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4,
                                            5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1,
                                            0.2,  0.5,  1.0,  2.0,  5.0,  10.0};
  return kBuckets;
}

long resident_pages() {
  long total = 0;
  long resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return resident;
}

}  // namespace

void Counter::increment(double by) { counter_->Increment(by); }
void Gauge::set(double value) { gauge_->Set(value); }
void Histogram::observe(double seconds) { histogram_->Observe(seconds); }

struct Metrics::Impl {
  std::mutex mutex;  // families and hooks are made while another thread may collect
  prometheus::Registry registry;
  std::map<std::string, prometheus::Family<prometheus::Counter>*> counters;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> gauges;
  std::map<std::string, prometheus::Family<prometheus::Histogram>*> histograms;
  std::vector<std::function<void()>> hooks;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
  gauge("perpwire_build_info", "1; the labels tell the build",
        {{"version", std::string(version())},
         {"commit", std::string(build_id())},
         {"contract", std::string(contract_hash())}})
      .set(1);
  auto memory = gauge("process_resident_memory_bytes", "Resident memory");
  auto descriptors = gauge("process_open_fds", "Open file descriptors");
  auto cpu = gauge("process_cpu_seconds_total", "User and system time");
  before_collect([=]() mutable {
    memory.set(static_cast<double>(resident_pages()) * static_cast<double>(sysconf(_SC_PAGESIZE)));
    std::error_code error;
    double open = 0;
    for (auto it = std::filesystem::directory_iterator("/proc/self/fd", error);
         !error && it != std::filesystem::end(it); it.increment(error)) {
      ++open;
    }
    descriptors.set(open);
    timespec spent{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    cpu.set(static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9);
  });
}

Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto*& family = impl_->counters[name];
  if (family == nullptr)
    family = &prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  return Counter(family->Add(labels));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto*& family = impl_->gauges[name];
  if (family == nullptr)
    family = &prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
  return Gauge(family->Add(labels));
}

Histogram Metrics::histogram(const std::string& name, const std::string& help, const Labels& labels,
                             const std::vector<double>& bucket_bounds) {
  const std::lock_guard lock(impl_->mutex);
  auto*& family = impl_->histograms[name];
  if (family == nullptr)
    family = &prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  return Histogram(family->Add(labels, bucket_bounds.empty() ? default_buckets() : bucket_bounds));
}

void Metrics::before_collect(std::function<void()> read) {
  const std::lock_guard lock(impl_->mutex);
  impl_->hooks.push_back(std::move(read));
}

std::string Metrics::text() {
  std::vector<std::function<void()>> hooks;
  {
    const std::lock_guard lock(impl_->mutex);
    hooks = impl_->hooks;
  }
  for (const auto& hook : hooks) hook();
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace perpwire
