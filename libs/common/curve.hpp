#pragma once

#include "libs/common/result.hpp"
#include "libs/common/secret.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace perpwire {

/// A key pair of CURVE, the encryption and authentication of ZeroMQ over TCP (RFC 25 and 26):
/// Curve25519. Public keys are written in Z85, 40 characters.
///
/// Files are as CZMQ and pyzmq write and read certificates (ZPL): a line `public-key = "..."`, a
/// line `secret-key = "..."`.
class CurveKeys {
 public:
  static CurveKeys make();
  /// Errors: kIo; kMalformed naming the file, what was expected and what was found, also
  /// where others than its owner may read it, or where the halves do not belong together.
  static Result<CurveKeys> load(const std::filesystem::path& file);
  /// A new file of mode 0600. Errors: kIo, also where there is one already.
  Status save(const std::filesystem::path& file) const;

  [[nodiscard]] const std::string& public_key() const { return public_key_; }
  /// 32 bytes.
  [[nodiscard]] ByteView secret_key() const { return secret_.bytes(); }

 private:
  CurveKeys(std::string public_key, Secret secret);
  std::string public_key_;
  Secret secret_;
};

/// Whether it can be a public key: 40 characters of Z85.
bool is_curve_key(std::string_view text);

/// The side that connects: who we are, and whom alone we talk to.
struct CurveClient {
  std::shared_ptr<const CurveKeys> own;
  std::string server_key;  // Z85
};

/// The side that binds. Who may connect is asked of the process's ZAP handler (CurveDoor) under
/// this domain; RequestServer hears nobody whom it did not name.
struct CurveServer {
  std::shared_ptr<const CurveKeys> own;
  std::string domain;
};

/// What connecting to `endpoint` needs: nothing unless it is TCP with a server key. Throws
/// ConfigError, its text beginning with `setting`, if `key_file` cannot be used.
std::optional<CurveClient> curve_client(const std::string& endpoint, const std::string& server_key,
                                        const std::filesystem::path& key_file,
                                        std::string_view setting);

}  // namespace perpwire
