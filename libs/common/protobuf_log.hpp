#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// libprotobuf writes what it has to say (above all of text that is not UTF-8) to the standard
/// error of whoever uses it. Every binary that links this has it say so here instead: to whoever
/// parses, else to the log, and counted.
namespace perpwire {

/// Takes words that no ProtobufWords catches. Called on the thread that parsed. None as at first:
/// they are counted alone.
using ProtobufSink = void (*)(std::string_view text);
void set_protobuf_sink(ProtobufSink sink);

/// How often libprotobuf has said something in this process, caught or not.
std::uint64_t protobuf_words();

/// Catches what libprotobuf says on this thread while it lives; they may be nested.
class ProtobufWords {
 public:
  ProtobufWords();
  ~ProtobufWords();
  ProtobufWords(const ProtobufWords&) = delete;
  ProtobufWords& operator=(const ProtobufWords&) = delete;

  /// The first that was said; empty: nothing was.
  [[nodiscard]] const std::string& text() const { return text_; }
  void say(const std::string& text) {
    if (text_.empty()) text_ = text;
  }

 private:
  std::string text_;
  ProtobufWords* outer_;
};

}  // namespace perpwire
