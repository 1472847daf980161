#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace google::protobuf {
class Message;
}

/// Words of others (a proxy's error page, a header, a text cut in the middle of a character) need
/// not be UTF-8, and one such word makes a whole message unreadable: protobuf refuses it, JSON too.
namespace perpwire {

bool is_utf8(std::string_view bytes);

/// As much of `bytes` as fits in `most` bytes, whole characters; what is no UTF-8 becomes U+FFFD.
std::string readable(std::string_view bytes, std::size_t most = std::string_view::npos);

/// Makes every text of the message readable, nested ones too.
void make_readable(google::protobuf::Message& message);

}  // namespace perpwire
