#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Protobuf's wire format by hand (protobuf.dev, "Encoding"), for the places that need one field of
/// a message and not the message. Header-only and pure.
namespace perpwire::wire {

enum class Type : std::uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

inline void put_varint(std::uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline std::size_t varint_bytes(std::uint64_t value) {
  return 1 + (static_cast<std::size_t>(std::bit_width(value | 1)) - 1) / 7;
}

inline void put_tag(std::uint64_t field, Type type, std::string& out) {
  put_varint(field << 3 | static_cast<std::uint64_t>(type), out);
}

/// Reads the fields of a message one by one; malformed bytes end it with ok() false.
class FieldWalker {
 public:
  explicit FieldWalker(std::string_view bytes) : rest_(bytes) {}

  bool next() {
    if (rest_.empty() || !ok_) return false;
    const std::uint64_t tag = varint();
    if (!ok_) return false;
    field_ = tag >> 3;
    number_ = 0;
    bytes_ = {};
    switch (static_cast<Type>(tag & 7)) {
      case Type::kVarint:
        number_ = varint();
        return ok_;
      case Type::kBytes: {
        const std::uint64_t size = varint();
        return ok_ && take(size);
      }
      case Type::kFixed64:
        return take(8);
      case Type::kFixed32:
        return take(4);
    }
    return ok_ = false;  // groups and what is no type at all
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::uint64_t field() const { return field_; }
  /// Of a varint field.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  /// Of a length-delimited field.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  bool take(std::uint64_t size) {
    if (size > rest_.size()) return ok_ = false;
    bytes_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  bool ok_ = true;
  std::uint64_t field_ = 0;
  std::uint64_t number_ = 0;
  std::string_view bytes_;
};

}  // namespace perpwire::wire
