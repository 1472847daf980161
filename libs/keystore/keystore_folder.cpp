#include "libs/keystore/keystore_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

namespace perpwire::keystore {
namespace {

constexpr std::size_t kMaxFileSize = 65'536;
constexpr std::string_view kExtension = ".json";

std::filesystem::path file_of(const std::filesystem::path& folder, std::string_view name) {
  return folder / (std::string(name) + std::string(kExtension));
}

tl::unexpected<Error> io_error(const std::filesystem::path& file, std::string_view what) {
  return fail(ErrorCode::kIo, fmt::format("{}: {}: {}", file.string(), what,
                                          std::strerror(errno)));  // NOLINT: one thread
}

Result<std::string> read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return io_error(file, "cannot be read");
  }
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (text.size() > kMaxFileSize) {
    return fail(ErrorCode::kMalformed, file.string() + ": too large for a keystore file");
  }
  return text;
}

/// A new file of mode 0600, on disk when this returns.
Status write_new_file(const std::filesystem::path& file, std::string_view text) {
  const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (out < 0) {
    return io_error(file, "cannot be made");
  }
  const auto written = ::write(out, text.data(), text.size());
  const bool done = written == static_cast<ssize_t>(text.size()) && ::fsync(out) == 0;
  const int error = errno;
  ::close(out);
  if (!done) {
    ::unlink(file.c_str());
    errno = error;
    return io_error(file, "cannot be written");
  }
  const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

Result<KeystoreFile> parse_named(const std::filesystem::path& file) {
  auto text = read_file(file);
  if (!text) {
    return tl::unexpected(text.error());
  }
  auto parsed = parse_keystore(*text);
  if (!parsed) {
    return fail(parsed.error().code, file.string() + ": " + parsed.error().text);
  }
  return parsed;
}

}  // namespace

Status check_key_name(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= 64 && name.front() != '.' &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                    });
  if (!fits) {
    return fail(ErrorCode::kMalformed,
                fmt::format("key name: expected 1 to 64 of [A-Za-z0-9._-], found \"{}\"",
                            name.substr(0, 80)));
  }
  return {};
}

Result<std::vector<KeyInfo>> list_keys(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<KeyInfo> keys;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != kExtension) {
      continue;
    }
    const auto file = parse_named(entry.path());
    if (!file) {
      return tl::unexpected(file.error());
    }
    keys.push_back({entry.path().stem().string(),
                    file->address ? file->address->to_string() : "unknown", entry.path()});
  }
  if (error) {
    return fail(ErrorCode::kIo, folder.string() + ": " + error.message());
  }
  std::sort(keys.begin(), keys.end(),
            [](const KeyInfo& a, const KeyInfo& b) { return a.name < b.name; });
  return keys;
}

Result<KeyInfo> create_key(const std::filesystem::path& folder, std::string_view name,
                           const Secret& passphrase, ScryptCost cost) {
  return import_key(folder, name, SigningKey::generate(), passphrase, cost);
}

Result<KeyInfo> import_key(const std::filesystem::path& folder, std::string_view name,
                           const SigningKey& key, const Secret& passphrase, ScryptCost cost) {
  if (auto checked = check_key_name(name); !checked) {
    return tl::unexpected(checked.error());
  }
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  if (error) {
    return fail(ErrorCode::kIo, folder.string() + ": " + error.message());
  }
  const auto file = file_of(folder, name);
  if (auto written = write_new_file(file, seal(key, passphrase, cost)); !written) {
    return tl::unexpected(written.error());
  }
  return KeyInfo{std::string(name), key.address().to_string(), file};
}

Result<KeyInfo> import_keystore(const std::filesystem::path& folder, std::string_view name,
                                std::string_view json, const Secret& old_passphrase,
                                const Secret& new_passphrase, ScryptCost cost) {
  const auto file = parse_keystore(json);
  if (!file) {
    return tl::unexpected(file.error());
  }
  const auto key = unlock(*file, old_passphrase);
  if (!key) {
    return tl::unexpected(key.error());
  }
  return import_key(folder, name, *key, new_passphrase, cost);
}

Result<SigningKey> load_key(const std::filesystem::path& folder, std::string_view name,
                            const Secret& passphrase) {
  if (auto checked = check_key_name(name); !checked) {
    return tl::unexpected(checked.error());
  }
  const auto path = file_of(folder, name);
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) {
    return io_error(path, "cannot be read");
  }
  if ((found.st_mode & 0077U) != 0) {
    return fail(ErrorCode::kMalformed,
                fmt::format("{}: mode {:04o}: only its owner may read a key (chmod 600)",
                            path.string(), found.st_mode & 07777U));
  }
  const auto file = parse_named(path);
  if (!file) {
    return tl::unexpected(file.error());
  }
  auto key = unlock(*file, passphrase);
  if (!key) {
    return fail(key.error().code, path.string() + ": " + key.error().text);
  }
  return key;
}

}  // namespace perpwire::keystore
