#include "libs/keystore/passphrase.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <termios.h>
#include <unistd.h>

namespace perpwire::keystore {
namespace {

constexpr std::size_t kMaxSize = 1024;

/// Reads to the end, or to the end of a line on a terminal.
Result<Secret> read_all(int file, std::string_view source, bool one_line) {
  Secret secret(kMaxSize + 1);
  std::size_t size = 0;
  while (size < secret.size()) {
    const auto got = ::read(file, secret.writable().data() + size, secret.size() - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail(ErrorCode::kIo, fmt::format("passphrase from {}: {}", source,
                                              std::strerror(errno)));  // NOLINT: one thread
    }
    size += static_cast<std::size_t>(got);
    if (got == 0 || (one_line && size > 0 && secret.bytes()[size - 1] == '\n')) {
      break;
    }
  }
  if (size > 0 && secret.bytes()[size - 1] == '\n') {
    --size;
  }
  if (size > 0 && secret.bytes()[size - 1] == '\r') {
    --size;
  }
  if (size == 0 || size > kMaxSize) {
    return fail(ErrorCode::kIo, fmt::format("passphrase from {}: expected 1 to {} bytes, found {}",
                                            source, kMaxSize, size));
  }
  secret.shrink(size);
  return secret;
}

Result<Secret> from_descriptor(std::string_view source, std::string_view number) {
  int file = -1;
  const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), file);
  if (error != std::errc{} || stop != number.data() + number.size() || file < 0) {
    return fail(ErrorCode::kMalformed, fmt::format("passphrase: expected fd:N, found {}", source));
  }
  auto secret = read_all(file, source, false);
  ::close(file);
  return secret;
}

Result<Secret> from_credential(std::string_view source, std::string_view name) {
  // systemd hands over a folder by this variable; the secret itself is in the file.
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");  // NOLINT: before any thread
  if (folder == nullptr || name.empty() || name.find('/') != std::string_view::npos) {
    return fail(ErrorCode::kIo,
                fmt::format("passphrase from {}: no such systemd credential", source));
  }
  const auto path = fmt::format("{}/{}", folder, name);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return fail(ErrorCode::kIo, fmt::format("passphrase from {}: {}", source,
                                            std::strerror(errno)));  // NOLINT: one thread
  }
  auto secret = read_all(file, source, false);
  ::close(file);
  return secret;
}

Result<Secret> from_terminal(std::string_view prompt) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  termios before{};
  if (terminal < 0 || ::tcgetattr(terminal, &before) != 0) {
    if (terminal >= 0) {
      ::close(terminal);
    }
    return fail(ErrorCode::kIo, "passphrase from terminal: there is no terminal");
  }
  auto silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(terminal, TCSAFLUSH, &silent);
  ignore(::write(terminal, prompt.data(), prompt.size()), "the prompt is a courtesy");
  auto secret = read_all(terminal, "terminal", true);
  ::tcsetattr(terminal, TCSAFLUSH, &before);
  ignore(::write(terminal, "\n", 1), "the line end is a courtesy");
  ::close(terminal);
  return secret;
}

}  // namespace

Result<Secret> read_passphrase(std::string_view source, std::string_view prompt) {
  constexpr std::string_view kDescriptor = "fd:";
  constexpr std::string_view kCredential = "credential:";
  if (source.starts_with(kDescriptor)) {
    return from_descriptor(source, source.substr(kDescriptor.size()));
  }
  if (source.starts_with(kCredential)) {
    return from_credential(source, source.substr(kCredential.size()));
  }
  if (source == "terminal") {
    return from_terminal(prompt);
  }
  // What was found may be a passphrase that somebody put into the configuration: not repeated.
  return fail(ErrorCode::kMalformed,
              "passphrase: expected fd:N, credential:NAME or terminal, found something else");
}

}  // namespace perpwire::keystore
