#include "libs/net/tls_context.hpp"

#include <boost/asio/ssl/context.hpp>
#include <fmt/format.h>

namespace perpwire::net {

namespace ssl = boost::asio::ssl;

TlsContext::TlsContext(const TlsOptions& options)
    : context_(std::make_unique<ssl::context>(ssl::context::tls_client)) {
  boost::system::error_code ec;
  context_->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                            ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                            ssl::context::no_tlsv1_1,
                        ec);
  if (!ec) context_->set_verify_mode(ssl::verify_peer, ec);
  if (!ec && options.use_system_store) context_->set_default_verify_paths(ec);
  if (ec) throw ConfigError(fmt::format("TLS: {}", ec.message()));
  if (!options.ca_file.empty()) {
    context_->load_verify_file(options.ca_file, ec);
    if (ec) {
      throw ConfigError(fmt::format("ca_file: expected a PEM file of certificates, found {}: {}",
                                    options.ca_file, ec.message()));
    }
  }
}

TlsContext::~TlsContext() = default;

}  // namespace perpwire::net
