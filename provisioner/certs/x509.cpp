// SPDX-License-Identifier: Apache-2.0
#include "provisioner/certs/x509.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <utility>

#include "base/ids.h"

namespace voicectl {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Freer<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using ConstraintsPtr = std::unique_ptr<NAME_CONSTRAINTS, Freer<NAME_CONSTRAINTS_free>>;

/// RFC 5280 allows 20 bytes, and the number must be positive.
constexpr int kSerialBits = 159;
/// Longest common name that X.509 takes.
constexpr std::size_t kMostCommonName = 64;
constexpr std::string_view kAuthorityName = "voicectl local authority";

Error tls_error(ErrorCode code, const std::string& what) {
  std::array<char, 256> text{};
  const unsigned long number = ERR_get_error();
  ERR_clear_error();
  if (number != 0) {
    ERR_error_string_n(number, text.data(), text.size());
  }
  return Error(code, "cannot " + what + (number == 0 ? "" : ": " + std::string(text.data())));
}

std::time_t seconds_of(WallTime at) {
  return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

Result<WallTime> wall_time_of(const ASN1_TIME* at) {
  std::tm parts{};
  if (at == nullptr || ASN1_TIME_to_tm(at, &parts) != 1) {
    return tls_error(ErrorCode::kCorrupt, "read the end of a certificate");
  }
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

Result<KeyPtr> make_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) {
    return tls_error(ErrorCode::kInternal, "make a key for a certificate");
  }
  return key;
}

std::string text_of(BIO* bio) {
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio, &bytes);
  return std::string(bytes, static_cast<std::size_t>(std::max(0L, length)));
}

Result<std::string> pem_of(const CertPtr& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate.get()) != 1) {
    return tls_error(ErrorCode::kInternal, "write a certificate as PEM");
  }
  return text_of(bio.get());
}

Result<Secret> pem_of(const KeyPtr& key) {
  // Secure memory: the text of the key is wiped with the buffer.
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                            nullptr) != 1) {
    return tls_error(ErrorCode::kInternal, "write a key as PEM");
  }
  return Secret(text_of(bio.get()));
}

BioPtr reader_of(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Without a pass phrase, and without asking a terminal for one.
int refuse_pass_phrase(char* /*buffer*/, int /*size*/, int /*rwflag*/, void* /*user*/) {
  return -1;
}

Result<CertPtr> parse_certificate(std::string_view pem) {
  const BioPtr bio = reader_of(pem);
  CertPtr certificate(PEM_read_bio_X509(bio.get(), nullptr, refuse_pass_phrase, nullptr));
  if (!certificate) {
    return tls_error(ErrorCode::kCorrupt, "find a certificate in the PEM text");
  }
  return certificate;
}

Result<KeyPtr> parse_key(std::string_view pem) {
  const BioPtr bio = reader_of(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_pass_phrase, nullptr));
  if (!key) {
    return tls_error(ErrorCode::kCorrupt, "find a key in the PEM text");
  }
  return key;
}

bool set_random_serial(X509* certificate) {
  const NumberPtr number(BN_new());
  return number && BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_validity(X509* certificate, const Validity& validity) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), seconds_of(validity.not_before)) !=
             nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), seconds_of(validity.not_after)) != nullptr;
}

bool set_common_name(X509_NAME* name, std::string_view text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, bytes,
                                    static_cast<int>(text.size()), -1, 0) == 1;
}

struct Extension {
  int kind;
  std::string value;
};

bool add_extensions(X509* certificate, X509* issuer, const std::vector<Extension>& extensions) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  return std::all_of(extensions.begin(), extensions.end(), [&](const Extension& wanted) {
    const ExtensionPtr made(
        X509V3_EXT_conf_nid(nullptr, &context, wanted.kind, wanted.value.c_str()));
    return made && X509_add_ext(certificate, made.get(), -1) == 1;
  });
}

bool sign(X509* certificate, EVP_PKEY* key) {
  return X509_sign(certificate, key, EVP_sha256()) > 0;
}

std::string join_names(std::string_view prefix, const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    out += (out.empty() ? "" : ",") + std::string(prefix) + name;
  }
  return out;
}

std::vector<std::string> permitted_names_of(const X509* certificate) {
  const ConstraintsPtr constraints(static_cast<NAME_CONSTRAINTS*>(
      X509_get_ext_d2i(certificate, NID_name_constraints, nullptr, nullptr)));
  std::vector<std::string> names;
  const int count = constraints ? sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees) : 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* base = sk_GENERAL_SUBTREE_value(constraints->permittedSubtrees, i)->base;
    if (base->type == GEN_DNS) {
      const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(base->d.dNSName));
      names.emplace_back(text, static_cast<std::size_t>(ASN1_STRING_length(base->d.dNSName)));
    }
  }
  return names;
}

bool is_permitted(std::string_view name, const std::vector<std::string>& permitted) {
  if (name.starts_with("*.")) {
    name.remove_prefix(2);
  }
  return permitted.empty() ||
         std::any_of(permitted.begin(), permitted.end(), [name](const std::string& one) {
           return name == one || name.ends_with("." + one);
         });
}

Result<std::vector<std::string>> checked_names(const AuthorityPem& authority,
                                               const CertificateRequest& request) {
  std::vector<std::string> names = {request.name};
  names.insert(names.end(), request.alternative_names.begin(), request.alternative_names.end());
  for (const std::string& name : names) {
    VC_TRY(check_certificate_name(name));
    if (!is_permitted(name, authority.permitted_names)) {
      return Error(ErrorCode::kPermissionDenied,
                   "cannot issue a certificate for '" + name +
                       "': the local authority speaks only for names below " +
                       join_names("", authority.permitted_names));
    }
  }
  return names;
}

}  // namespace

Result<AuthorityPem> make_authority(const Validity& validity,
                                    const std::vector<std::string>& permitted_names) {
  VC_TRY(const KeyPtr key, make_key());
  const CertPtr root(X509_new());
  std::vector<Extension> extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                       {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                       {NID_subject_key_identifier, "hash"}};
  if (!permitted_names.empty()) {
    extensions.push_back(
        {NID_name_constraints, "critical," + join_names("permitted;DNS:", permitted_names)});
  }
  const bool made = root && X509_set_version(root.get(), X509_VERSION_3) == 1 &&
                    set_random_serial(root.get()) && set_validity(root.get(), validity) &&
                    set_common_name(X509_get_subject_name(root.get()), kAuthorityName) &&
                    X509_set_issuer_name(root.get(), X509_get_subject_name(root.get())) == 1 &&
                    X509_set_pubkey(root.get(), key.get()) == 1 &&
                    add_extensions(root.get(), root.get(), extensions) &&
                    sign(root.get(), key.get());
  if (!made) {
    return tls_error(ErrorCode::kInternal, "make the certificate of the local authority");
  }
  VC_TRY(const Secret key_pem, pem_of(key));
  VC_TRY(const std::string root_pem, pem_of(root));
  VC_TRY(const WallTime not_after, wall_time_of(X509_get0_notAfter(root.get())));
  return AuthorityPem{Secret(key_pem.reveal() + root_pem), root_pem, not_after, permitted_names};
}

Result<AuthorityPem> parse_authority(const Secret& pem) {
  VC_TRY(const KeyPtr key, parse_key(pem.reveal()));
  VC_TRY(const CertPtr root, parse_certificate(pem.reveal()));
  if (X509_check_private_key(root.get(), key.get()) != 1 || X509_check_ca(root.get()) == 0) {
    return tls_error(ErrorCode::kCorrupt,
                     "use the local authority: its key and its certificate do not belong together");
  }
  VC_TRY(const std::string root_pem, pem_of(root));
  VC_TRY(const WallTime not_after, wall_time_of(X509_get0_notAfter(root.get())));
  return AuthorityPem{pem, root_pem, not_after, permitted_names_of(root.get())};
}

Result<Certificate> issue_certificate(const AuthorityPem& authority,
                                      const CertificateRequest& request,
                                      const Validity& validity) {
  VC_TRY(const std::vector<std::string> names, checked_names(authority, request));
  VC_TRY(const KeyPtr authority_key, parse_key(authority.pem.reveal()));
  VC_TRY(const CertPtr root, parse_certificate(authority.pem.reveal()));
  VC_TRY(const KeyPtr key, make_key());
  const Validity bounded{validity.not_before, std::min(validity.not_after, authority.not_after)};
  const CertPtr leaf(X509_new());
  const bool fits = request.name.size() <= kMostCommonName;
  const bool made =
      leaf && X509_set_version(leaf.get(), X509_VERSION_3) == 1 && set_random_serial(leaf.get()) &&
      set_validity(leaf.get(), bounded) &&
      (!fits || set_common_name(X509_get_subject_name(leaf.get()), request.name)) &&
      X509_set_issuer_name(leaf.get(), X509_get_subject_name(root.get())) == 1 &&
      X509_set_pubkey(leaf.get(), key.get()) == 1 &&
      add_extensions(
          leaf.get(), root.get(),
          {{NID_basic_constraints, "critical,CA:FALSE"},
           {NID_key_usage, "critical,digitalSignature"},
           {NID_ext_key_usage, "serverAuth"},
           {NID_subject_key_identifier, "hash"},
           {NID_authority_key_identifier, "keyid:always"},
           {NID_subject_alt_name, (fits ? "" : "critical,") + join_names("DNS:", names)}}) &&
      sign(leaf.get(), authority_key.get());
  if (!made) {
    return tls_error(ErrorCode::kInternal, "make a certificate for '" + request.name + "'");
  }
  VC_TRY(const Secret key_pem, pem_of(key));
  VC_TRY(const std::string leaf_pem, pem_of(leaf));
  VC_TRY(const WallTime not_after, wall_time_of(X509_get0_notAfter(leaf.get())));
  return Certificate{request.name, Secret(key_pem.reveal() + leaf_pem), not_after};
}

Result<WallTime> certificate_not_after(std::string_view pem) {
  VC_TRY(const CertPtr certificate, parse_certificate(pem));
  return wall_time_of(X509_get0_notAfter(certificate.get()));
}

}  // namespace voicectl
