#pragma once

#include "libs/common/result.hpp"
#include "services/persister/page_reader.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace perpwire::persister {

using PageAnswer = std::variant<Page, PageRefusal>;

/// The protobuf form of a `replay` request for all topics. `stored`: what this consumer has for
/// good of the process that it asks, so that its journal can be trimmed; nothing yet if the stream
/// is empty.
std::string encode_page_request(const AskPage& ask, std::string_view request_id,
                                std::string_view consumer, const StreamCursor& stored);
/// The `hello` of this process on a replay socket.
std::string encode_page_hello(std::string_view instance, std::string_view request_id);

/// The payload parts of an answer. Takes their contents.
///
/// Errors: kMalformed if they are no page: an odd number of parts after the header, a header that
///         does not parse, or one without its numbers.
Result<PageAnswer> decode_page_answer(std::vector<std::string> parts);

}  // namespace perpwire::persister
