#pragma once

#include "libs/common/hex.hpp"

#include <cstdint>
#include <string_view>

namespace perpwire::hyperliquid {

/// Writes the msgpack subset that the venue hashes, each value in its shortest form.
/// Source: github.com/msgpack/msgpack/blob/master/spec.md; hyperliquid.md section 3.1.
/// Lifetime: `out` must outlive the writer.
class MsgpackWriter {
 public:
  explicit MsgpackWriter(Bytes& out) : out_(out) {}

  void begin_map(std::size_t entries);
  void end_map() {}
  void begin_array(std::size_t elements);
  void end_array() {}
  void key(std::string_view name) { text(name); }
  void element() {}

  void text(std::string_view value);
  void unsigned_number(std::uint64_t value);
  void signed_number(std::int64_t value);
  void boolean(bool value) { out_.push_back(value ? 0xc3 : 0xc2); }
  void nil() { out_.push_back(0xc0); }

 private:
  void big_endian(std::uint64_t value, int bytes);
  void tagged(std::uint8_t tag, std::uint64_t value, int bytes) {
    out_.push_back(tag);
    big_endian(value, bytes);
  }

  Bytes& out_;
};

/// The same calls as JSON text: compact, keys in the order they are written.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_map(std::size_t /*entries*/) { out_.push_back('{'); }
  void end_map() { out_.push_back('}'); }
  void begin_array(std::size_t /*elements*/) { out_.push_back('['); }
  void end_array() { out_.push_back(']'); }
  void key(std::string_view name);
  void element() {
    if (out_.back() != '[') {
      out_.push_back(',');
    }
  }

  void text(std::string_view value);
  void unsigned_number(std::uint64_t value) { out_ += std::to_string(value); }
  void signed_number(std::int64_t value) { out_ += std::to_string(value); }
  void boolean(bool value) { out_ += value ? "true" : "false"; }
  void nil() { out_ += "null"; }

 private:
  std::string& out_;
};

}  // namespace perpwire::hyperliquid
