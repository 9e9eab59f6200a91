// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/runtime/tls_server.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

#include "base/check.h"
#include "tests/integration/runtime/runtime_fixture.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    "Connection: close\r\n\r\n{}";

constexpr long kDay = 24L * 60 * 60;

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* one) const {
    kFree(one);
  }
};
using TlsKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using TlsCertificate = std::unique_ptr<X509, Freer<X509_free>>;
using TlsContext = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using TlsSession = std::unique_ptr<SSL, Freer<SSL_free>>;

struct TlsIdentity {
  TlsKey key;
  TlsCertificate certificate;
};

struct WantedCertificate {
  std::string name;
  const char* extension = "DNS:localhost";
  int extension_id = NID_subject_alt_name;
  long begins = -kDay;
  long ends = kDay;
};

/// Signed by `authority`, or by itself.
TlsIdentity make_identity(const WantedCertificate& wanted, const TlsIdentity* authority) {
  static long serial = 1;
  TlsIdentity made{TlsKey(EVP_EC_gen("P-256")), TlsCertificate(X509_new())};
  X509* const out = made.certificate.get();
  X509_set_version(out, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(out), wanted.begins);
  X509_gmtime_adj(X509_getm_notAfter(out), wanted.ends);
  X509_set_pubkey(out, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(wanted.name.c_str()), -1, -1,
                             0);
  const TlsIdentity& signer = authority == nullptr ? made : *authority;
  X509_set_issuer_name(out, X509_get_subject_name(signer.certificate.get()));
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, wanted.extension_id, wanted.extension);
  VC_CHECK(extension != nullptr, "the extension is well-formed");
  X509_add_ext(out, extension, -1);
  X509_EXTENSION_free(extension);
  VC_CHECK(X509_sign(out, signer.key.get(), EVP_sha256()) > 0, "the key fits the hash");
  return made;
}

TlsIdentity make_authority(const std::string& name) {
  return make_identity(
      {.name = name, .extension = "critical,CA:TRUE", .extension_id = NID_basic_constraints},
      nullptr);
}

TlsIdentity identity_for(TlsConduct conduct, const TlsIdentity& authority) {
  switch (conduct) {
    case TlsConduct::kSelfSigned:
      return make_identity({.name = "localhost"}, nullptr);
    case TlsConduct::kUnknownAuthority: {
      const TlsIdentity other = make_authority("Nobody knows it");
      return make_identity({.name = "localhost"}, &other);
    }
    case TlsConduct::kExpired:
      return make_identity({.name = "localhost", .begins = -2 * kDay, .ends = -kDay}, &authority);
    case TlsConduct::kNotYetValid:
      return make_identity({.name = "localhost", .begins = kDay, .ends = 2 * kDay}, &authority);
    case TlsConduct::kOtherHost:
      // The common name is of no account: only the alternative names are.
      return make_identity({.name = "localhost", .extension = "DNS:erp.example.com"}, &authority);
    case TlsConduct::kGood:
    case TlsConduct::kOldVersion:
    case TlsConduct::kMuteInHandshake:
    case TlsConduct::kEndInHandshake:
    case TlsConduct::kPlaintext:
      break;
  }
  return make_identity({.name = "localhost"}, &authority);
}

TlsContext make_context(TlsConduct conduct, const TlsIdentity& own) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (conduct == TlsConduct::kOldVersion) {
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  }
  VC_CHECK(SSL_CTX_use_certificate(context.get(), own.certificate.get()) == 1 &&
               SSL_CTX_use_PrivateKey(context.get(), own.key.get()) == 1,
           "the key is the certificate's");
  return context;
}

void write_pem(const std::string& path, X509* certificate) {
  const std::unique_ptr<BIO, Freer<BIO_free>> file(BIO_new_file(path.c_str(), "w"));
  VC_CHECK(PEM_write_bio_X509(file.get(), certificate) == 1, "the folder takes a file");
}

}  // namespace

struct TlsServer::Inner {
  explicit Inner(TlsConduct how) : conduct(how), authority(make_authority("The tests' authority")) {
    // As voice-runtime does: OpenSSL, on either end, writes to peers that have hung up.
    std::signal(SIGPIPE, SIG_IGN);
    write_pem(folder.path("authority.pem"), authority.certificate.get());
    own = identity_for(conduct, authority);
    context = make_context(conduct, own);
    thread = std::thread([this] { run(); });
  }
  ~Inner() {
    const std::uint64_t one = 1;
    (void)!::write(stop.get(), &one, sizeof one);  // an eventfd that is full stops as well
    thread.join();
  }

  /// Whether the peer says something before the end.
  bool waits_for(int socket) const {
    std::array<pollfd, 2> both{{{socket, POLLIN, 0}, {stop.get(), POLLIN, 0}}};
    return ::poll(both.data(), both.size(), -1) > 0 && (both[1].revents & POLLIN) == 0;
  }

  void run() {
    while (waits_for(port.listener.get())) {
      const UniqueFd socket(::accept4(port.listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (socket.is_open()) {
        serve(socket.get());
      }
    }
  }

  void serve(int socket) {
    {
      const std::lock_guard lock(mutex);
      ++connections;
    }
    if (!waits_for(socket)) {
      return;
    }
    switch (conduct) {
      case TlsConduct::kMuteInHandshake:
        while (hears(socket)) {
        }
        return;
      case TlsConduct::kEndInHandshake:
        (void)hears(socket);
        return;
      case TlsConduct::kPlaintext:
        (void)hears(socket);
        (void)::send(socket, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
        (void)hears(socket);
        return;
      case TlsConduct::kGood:
      case TlsConduct::kSelfSigned:
      case TlsConduct::kUnknownAuthority:
      case TlsConduct::kExpired:
      case TlsConduct::kNotYetValid:
      case TlsConduct::kOtherHost:
      case TlsConduct::kOldVersion:
        speak_tls(socket);
        return;
    }
  }

  /// Takes what there is without TLS.
  bool hears(int socket) {
    std::array<char, 4096> bytes{};
    const ssize_t count =
        waits_for(socket) ? ::recv(socket, bytes.data(), bytes.size(), 0) : ssize_t{0};
    note({bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0});
    return count > 0;
  }

  void speak_tls(int socket) {
    const TlsSession session(SSL_new(context.get()));
    SSL_set_fd(session.get(), socket);
    if (SSL_accept(session.get()) != 1) {
      return;
    }
    std::string request;
    std::array<char, 4096> bytes{};
    while (request.find("\r\n\r\n") == std::string::npos) {
      const int count = SSL_read(session.get(), bytes.data(), static_cast<int>(bytes.size()));
      if (count <= 0) {
        return;
      }
      request.append(bytes.data(), static_cast<std::size_t>(count));
      note({bytes.data(), static_cast<std::size_t>(count)});
    }
    (void)SSL_write(session.get(), kAnswer.data(), static_cast<int>(kAnswer.size()));
    SSL_shutdown(session.get());
  }

  void note(std::string_view bytes) {
    const std::lock_guard lock(mutex);
    heard += bytes;
  }

  const TlsConduct conduct;
  TempDir folder;
  FreePort port = bind_free_port();
  UniqueFd stop{::eventfd(0, EFD_CLOEXEC)};
  TlsIdentity authority;
  TlsIdentity own;
  TlsContext context;
  mutable std::mutex mutex;
  int connections = 0;
  std::string heard;
  std::thread thread;
};

TlsServer::TlsServer(TlsConduct conduct) : inner_(std::make_unique<Inner>(conduct)) {}

TlsServer::~TlsServer() = default;

std::uint16_t TlsServer::port() const {
  return inner_->port.number;
}

std::string TlsServer::authority_file() const {
  return inner_->folder.path("authority.pem");
}

int TlsServer::connections() const {
  const std::lock_guard lock(inner_->mutex);
  return inner_->connections;
}

std::string TlsServer::heard() const {
  const std::lock_guard lock(inner_->mutex);
  return inner_->heard;
}

}  // namespace voicectl::runtime
