#pragma once

#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace perpwire::net::test {

struct Identity {
  std::string certificate_pem;
  std::string key_pem;
};

/// A certificate authority made when it is constructed; it signs server certificates with EC keys.
class TestCa {
 public:
  TestCa();
  ~TestCa();

  /// For these names ("localhost") or addresses ("127.0.0.1").
  [[nodiscard]] Identity issue(const std::vector<std::string>& hosts) const;
  /// A file with the CA's certificate; it lives as long as this object.
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  evp_pkey_st* key_;
  x509_st* certificate_;
  std::string file_;
};

}  // namespace perpwire::net::test
