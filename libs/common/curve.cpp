#include "libs/common/curve.hpp"

#include "libs/common/assert.hpp"

#include <fmt/format.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace perpwire {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTextSize = 40;  // of a key in Z85
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kMaxFile = 4'096;

tl::unexpected<Error> io_error(const fs::path& file, std::string_view what) {
  return fail(ErrorCode::kIo, fmt::format("{}: {}: {}", file.string(), what,
                                          std::generic_category().message(errno)));
}

std::span<std::uint8_t> as_writable(std::span<char> text) {
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

/// 40 characters of Z85 to 32 bytes.
bool decode(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != kTextSize || out.size() != kKeySize) return false;
  std::array<char, kTextSize + 1> terminated{};
  std::copy(text.begin(), text.end(), terminated.begin());
  const bool good = zmq_z85_decode(out.data(), terminated.data()) != nullptr;
  wipe(as_writable(terminated));
  return good;
}

/// The text between the quotes of a line `name = "..."`; empty if there is none.
std::string_view quoted(std::string_view text, std::string_view name) {
  std::size_t at = text.find(name);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + name.size());
  const auto line = text.substr(0, text.find('\n'));
  const auto first = line.find('"');
  const auto last = line.rfind('"');
  if (first == std::string_view::npos || last == first) return {};
  return line.substr(first + 1, last - first - 1);
}

}  // namespace

CurveKeys::CurveKeys(std::string public_key, Secret secret)
    : public_key_(std::move(public_key)), secret_(std::move(secret)) {}

CurveKeys CurveKeys::make() {
  std::array<char, kTextSize + 1> public_text{};
  std::array<char, kTextSize + 1> secret_text{};
  PW_ASSERT(zmq_curve_keypair(public_text.data(), secret_text.data()) == 0);
  Secret secret(kKeySize);
  PW_ASSERT(decode({secret_text.data(), kTextSize}, secret.writable()));
  wipe(as_writable(secret_text));
  return {std::string(public_text.data(), kTextSize), std::move(secret)};
}

Result<CurveKeys> CurveKeys::load(const fs::path& file) {
  struct stat found {};
  const int in = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (in < 0 || ::fstat(in, &found) != 0) {
    const auto error = io_error(file, "cannot be read");
    if (in >= 0) ::close(in);
    return error;
  }
  if ((found.st_mode & 0077U) != 0) {
    ::close(in);
    return fail(ErrorCode::kMalformed,
                fmt::format("{}: expected mode 0600 (only its owner may read a secret key), found "
                            "{:04o}",
                            file.string(), found.st_mode & 07777U));
  }
  Secret text(kMaxFile);
  const auto got = ::read(in, text.writable().data(), text.size());
  ::close(in);
  const std::string_view content(reinterpret_cast<const char*>(text.bytes().data()),
                                 got < 0 ? 0 : static_cast<std::size_t>(got));
  const auto public_text = quoted(content, "public-key");
  Secret secret(kKeySize);
  if (!is_curve_key(public_text) || !decode(quoted(content, "secret-key"), secret.writable())) {
    return fail(ErrorCode::kMalformed,
                fmt::format("{}: expected the lines public-key = \"...\" and secret-key = \"...\" "
                            "with 40 characters of Z85 each (perpwire keys curve makes such a "
                            "file), found something else",
                            file.string()));
  }
  std::array<char, kTextSize + 1> secret_text{};
  std::array<char, kTextSize + 1> derived{};
  zmq_z85_encode(secret_text.data(), secret.bytes().data(), kKeySize);
  const bool done = zmq_curve_public(derived.data(), secret_text.data()) == 0;
  wipe(as_writable(secret_text));
  if (!done || std::string_view(derived.data(), kTextSize) != public_text) {
    return fail(
        ErrorCode::kMalformed,
        fmt::format("{}: expected the public key {} of its secret key, found {}", file.string(),
                    std::string_view(derived.data(), kTextSize), public_text));
  }
  return CurveKeys(std::string(public_text), std::move(secret));
}

Status CurveKeys::save(const fs::path& file) const {
  const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (out < 0) return io_error(file, "cannot be made");
  constexpr std::string_view kBefore =
      "#   Key pair of ZeroMQ's CURVE. DO NOT hand this file to anybody; the public key alone is "
      "for others.\n\nmetadata\ncurve\n    public-key = \"";
  constexpr std::string_view kBetween = "\"\n    secret-key = \"";
  constexpr std::string_view kAfter = "\"\n";
  Secret text(kBefore.size() + kBetween.size() + kAfter.size() + 2 * kTextSize);
  auto at = text.writable().begin();
  const auto add = [&](std::string_view part) { at = std::copy(part.begin(), part.end(), at); };
  std::array<char, kTextSize + 1> secret_text{};
  zmq_z85_encode(secret_text.data(), secret_.bytes().data(), kKeySize);
  add(kBefore);
  add(public_key_);
  add(kBetween);
  add({secret_text.data(), kTextSize});
  add(kAfter);
  wipe(as_writable(secret_text));
  const auto written = ::write(out, text.bytes().data(), text.size());
  const bool done = written == static_cast<ssize_t>(text.size()) && ::fsync(out) == 0;
  const auto error = io_error(file, "cannot be written");
  ::close(out);
  if (done) return {};
  ::unlink(file.c_str());
  return error;
}

bool is_curve_key(std::string_view text) {
  std::array<std::uint8_t, kKeySize> bytes{};
  return decode(text, bytes);
}

std::optional<CurveClient> curve_client(const std::string& endpoint, const std::string& server_key,
                                        const fs::path& key_file, std::string_view setting) {
  if (!endpoint.starts_with("tcp://") || server_key.empty()) return std::nullopt;
  if (key_file.empty()) {
    throw ConfigError(fmt::format("{}: expected a key file of ours to connect to {}, found none",
                                  setting, endpoint));
  }
  auto own = CurveKeys::load(key_file);
  if (!own) throw ConfigError(fmt::format("{}: {}", setting, own.error().text));
  return CurveClient{std::make_shared<const CurveKeys>(std::move(*own)), server_key};
}

}  // namespace perpwire
