#pragma once

#include "libs/common/result.hpp"
#include "libs/common/secret.hpp"

#include <string_view>

namespace perpwire::keystore {

/// Reads a passphrase from where the configuration says:
///   fd:N              an open file descriptor, read to its end, then closed
///   credential:NAME   a systemd credential ($CREDENTIALS_DIRECTORY/NAME)
///   terminal          asked for on the controlling terminal, without echo
/// There is no form that holds the passphrase itself: neither arguments nor the environment are
/// private. One line end at the end is cut off.
///
/// Errors: kMalformed for another form, kIo if it cannot be read or is empty or over 1024 bytes.
Result<Secret> read_passphrase(std::string_view source, std::string_view prompt = "Passphrase: ");

}  // namespace perpwire::keystore
