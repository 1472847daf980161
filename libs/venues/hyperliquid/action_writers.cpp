#include "libs/venues/hyperliquid/action_writers.hpp"

#include "libs/common/assert.hpp"

#include <fmt/format.h>

#include <iterator>

namespace perpwire::hyperliquid {

void MsgpackWriter::begin_map(std::size_t entries) {
  if (entries < 16) {
    out_.push_back(static_cast<std::uint8_t>(0x80U | entries));
  } else if (entries <= 0xffff) {
    tagged(0xde, entries, 2);
  } else {
    tagged(0xdf, entries, 4);
  }
}

void MsgpackWriter::begin_array(std::size_t elements) {
  if (elements < 16) {
    out_.push_back(static_cast<std::uint8_t>(0x90U | elements));
  } else if (elements <= 0xffff) {
    tagged(0xdc, elements, 2);
  } else {
    tagged(0xdd, elements, 4);
  }
}

void MsgpackWriter::text(std::string_view value) {
  const auto size = value.size();
  if (size < 32) {
    out_.push_back(static_cast<std::uint8_t>(0xa0U | size));
  } else if (size <= 0xff) {
    tagged(0xd9, size, 1);
  } else if (size <= 0xffff) {
    tagged(0xda, size, 2);
  } else {
    PW_ASSERT(size <= 0xffffffff);
    tagged(0xdb, size, 4);
  }
  out_.insert(out_.end(), value.begin(), value.end());
}

void MsgpackWriter::unsigned_number(std::uint64_t value) {
  if (value < 0x80) {
    out_.push_back(static_cast<std::uint8_t>(value));
  } else if (value <= 0xff) {
    tagged(0xcc, value, 1);
  } else if (value <= 0xffff) {
    tagged(0xcd, value, 2);
  } else if (value <= 0xffffffff) {
    tagged(0xce, value, 4);
  } else {
    tagged(0xcf, value, 8);
  }
}

void MsgpackWriter::signed_number(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= 0) {
    unsigned_number(bits);
  } else if (value >= -32) {
    out_.push_back(static_cast<std::uint8_t>(bits & 0xff));
  } else if (value >= INT8_MIN) {
    tagged(0xd0, bits, 1);
  } else if (value >= INT16_MIN) {
    tagged(0xd1, bits, 2);
  } else if (value >= INT32_MIN) {
    tagged(0xd2, bits, 4);
  } else {
    tagged(0xd3, bits, 8);
  }
}

void MsgpackWriter::big_endian(std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out_.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void JsonWriter::key(std::string_view name) {
  if (out_.back() != '{') {
    out_.push_back(',');
  }
  out_.push_back('"');
  out_ += name;  // our own field names: nothing to escape
  out_ += "\":";
}

void JsonWriter::text(std::string_view value) {
  out_.push_back('"');
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_.push_back('\\');
      out_.push_back(c);
    } else if (byte < 0x20) {
      fmt::format_to(std::back_inserter(out_), "\\u{:04x}", byte);
    } else {
      out_.push_back(c);
    }
  }
  out_.push_back('"');
}

}  // namespace perpwire::hyperliquid
