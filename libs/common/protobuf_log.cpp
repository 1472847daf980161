#include "libs/common/protobuf_log.hpp"

#include <google/protobuf/stubs/logging.h>

#include <atomic>
#include <cstdio>

namespace perpwire {
namespace {

std::atomic<ProtobufSink> sink{nullptr};
std::atomic<std::uint64_t> words{0};
thread_local ProtobufWords* innermost = nullptr;

void on_words(google::protobuf::LogLevel level, const char* /*file*/, int /*line*/,
              const std::string& text) {
  words.fetch_add(1, std::memory_order_relaxed);
  if (level == google::protobuf::LOGLEVEL_FATAL) {  // it ends the process next
    std::fprintf(stderr, "libprotobuf: %s\n", text.c_str());
    return;
  }
  if (innermost != nullptr) {
    innermost->say(text);
  } else if (const auto to = sink.load()) {
    to(text);
  }
}

// Before main, since the first message may be parsed by anyone.
[[maybe_unused]] google::protobuf::LogHandler* const kBefore =
    google::protobuf::SetLogHandler(&on_words);

}  // namespace

void set_protobuf_sink(ProtobufSink to) { sink = to; }
std::uint64_t protobuf_words() { return words.load(std::memory_order_relaxed); }

ProtobufWords::ProtobufWords() : outer_(innermost) { innermost = this; }
ProtobufWords::~ProtobufWords() { innermost = outer_; }

}  // namespace perpwire
