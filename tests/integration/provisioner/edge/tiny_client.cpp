// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/provisioner/edge/tiny_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <utility>

#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using ContextPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using TlsPtr = std::unique_ptr<SSL, Freer<SSL_free>>;
using CertPtr = std::unique_ptr<X509, Freer<X509_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Freer<BN_free>>;

Error failed(const std::string& what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return Error(ErrorCode::kUnavailable, "cannot " + what + ": " + text.data());
}

UniqueFd connect_tcp(Port port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port.value());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // A test that waits for ever tells nobody what is missing.
  const timeval patience{5, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(socket.get(), generic, sizeof(address)) == 0 ? std::move(socket) : UniqueFd();
}

}  // namespace

struct TinyClient::Inner {
  UniqueFd socket;
  ContextPtr context;
  TlsPtr tls;

  Status begin_tls(const ClientOptions& options) {
    context.reset(SSL_CTX_new(TLS_client_method()));
    // What is old must be refused by the server, not by our own library.
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context.get(), options.newest_tls);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_load_verify_locations(context.get(), options.roots.c_str(), nullptr);
    tls.reset(SSL_new(context.get()));
    if (!options.server_name.empty()) {
      SSL_set_tlsext_host_name(tls.get(), options.server_name.c_str());
      SSL_set1_host(tls.get(), options.server_name.c_str());
    }
    SSL_set_fd(tls.get(), socket.get());
    return SSL_connect(tls.get()) == 1 ? ok_status() : Status(failed("shake hands"));
  }

  int receive(char* buffer, int size) {
    return tls ? SSL_read(tls.get(), buffer, size)
               : static_cast<int>(::recv(socket.get(), buffer, static_cast<std::size_t>(size), 0));
  }
};

TinyClient::TinyClient(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
TinyClient::TinyClient(TinyClient&&) noexcept = default;
TinyClient::~TinyClient() = default;

Result<TinyClient> TinyClient::connect(const ClientOptions& options) {
  auto inner = std::make_unique<Inner>();
  inner->socket = connect_tcp(options.port);
  if (!inner->socket.is_open()) {
    return Error(ErrorCode::kUnavailable, "cannot connect to port " + options.port.str());
  }
  if (!options.roots.empty()) {
    VC_TRY(inner->begin_tls(options));
  }
  return TinyClient(std::move(inner));
}

void TinyClient::send(const std::string& text) {
  const auto size = static_cast<int>(text.size());
  if (inner_->tls) {
    SSL_write(inner_->tls.get(), text.data(), size);
  } else {
    ::send(inner_->socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
}

std::string TinyClient::read_to_end() {
  return read_until("\x01 never sent");
}

std::string TinyClient::read_until(const std::string& end) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (!text.ends_with(end)) {
    const int count = inner_->receive(buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) {
      break;
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

std::string TinyClient::peer_serial() const {
  const CertPtr certificate(SSL_get1_peer_certificate(inner_->tls.get()));
  const NumberPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr));
  char* text = BN_bn2hex(number.get());
  const std::string serial(text);
  OPENSSL_free(text);
  return serial;
}

std::string TinyClient::protocol() const {
  return SSL_get_version(inner_->tls.get());
}

std::string ask(const ClientOptions& options, const std::string& request) {
  Result<TinyClient> client = TinyClient::connect(options);
  if (client.has_error()) {
    return client.error().text();
  }
  client->send(request);
  return client->read_to_end();
}

std::string get_request(const std::string& host, const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
}

}  // namespace voicectl
