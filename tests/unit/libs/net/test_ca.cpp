#include "test_ca.hpp"

#include "libs/common/assert.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace perpwire::net::test {
namespace {

EVP_PKEY* make_key() {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr);
  EVP_PKEY* key = nullptr;
  PW_ASSERT(EVP_PKEY_keygen_init(context) == 1);
  PW_ASSERT(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1);
  PW_ASSERT(EVP_PKEY_keygen(context, &key) == 1);
  EVP_PKEY_CTX_free(context);
  return key;
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  PW_ASSERT(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* make_certificate(EVP_PKEY* key, long serial, const std::string& common_name) {
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  return certificate;
}

template <class Write>
std::string to_pem(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  PW_ASSERT(write(bio) == 1);
  std::array<char, 8192> bytes{};
  const int size = BIO_read(bio, bytes.data(), static_cast<int>(bytes.size()));
  BIO_free(bio);
  PW_ASSERT(size > 0);
  return {bytes.data(), static_cast<std::size_t>(size)};
}

}  // namespace

TestCa::TestCa() : key_(make_key()), certificate_(make_certificate(key_, 1, "perpwire test CA")) {
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  add_extension(certificate_, certificate_, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate_, certificate_, NID_subject_key_identifier, "hash");
  PW_ASSERT(X509_sign(certificate_, key_, EVP_sha256()) > 0);

  const char* folder = std::getenv("TMPDIR");
  file_ = std::string(folder != nullptr ? folder : "/tmp") + "/perpwire-test-ca-XXXXXX";
  const int fd = ::mkstemp(file_.data());
  PW_ASSERT(fd >= 0);
  const std::string pem =
      to_pem([this](BIO* bio) { return PEM_write_bio_X509(bio, certificate_); });
  PW_ASSERT(::write(fd, pem.data(), pem.size()) == static_cast<ssize_t>(pem.size()));
  ::close(fd);
}

TestCa::~TestCa() {
  ::unlink(file_.c_str());
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

Identity TestCa::issue(const std::vector<std::string>& hosts) const {
  EVP_PKEY* key = make_key();
  X509* certificate = make_certificate(key, 2, hosts.front());
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
  std::string names;
  for (const auto& host : hosts) {
    const bool address = std::isdigit(static_cast<unsigned char>(host.front())) != 0;
    names += (names.empty() ? "" : ",") + std::string(address ? "IP:" : "DNS:") + host;
  }
  add_extension(certificate, certificate_, NID_subject_alt_name, names);
  PW_ASSERT(X509_sign(certificate, key_, EVP_sha256()) > 0);
  Identity identity{
      to_pem([certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); }),
      to_pem([key](BIO* bio) {
        return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
      })};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

}  // namespace perpwire::net::test
