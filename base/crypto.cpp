// SPDX-License-Identifier: Apache-2.0
#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include <array>
#include <memory>

#include "base/check.h"

namespace voicectl {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string to_hex(const unsigned char* bytes, std::size_t count) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out(count * 2, '0');
  for (std::size_t i = 0; i < count; ++i) {
    out[2 * i] = kDigits[bytes[i] >> 4];
    out[2 * i + 1] = kDigits[bytes[i] & 15];
  }
  return out;
}

using Sha256Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

/// Algorithms looked up and memory taken once a thread, which takes longer than a short message.
class HmacSha256 {
 public:
  HmacSha256() {
    std::array<char, 8> digest = {"SHA256"};
    const std::array<OSSL_PARAM, 2> parameters = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC* const mac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
    VC_CHECK(mac != nullptr, "HMAC is built in");
    context_.reset(EVP_MAC_CTX_new(mac));
    EVP_MAC_free(mac);  // the context has its own share
    VC_CHECK(EVP_MAC_CTX_set_params(context_.get(), parameters.data()) == 1,
             "HMAC with SHA-256 is built in");
  }

  Sha256Digest sign(std::string_view key, std::string_view message) {
    // Without a pointer the key before would be used again.
    const std::string_view some_key = key.empty() ? std::string_view("") : key;
    Sha256Digest digest{};
    std::size_t length = 0;
    VC_CHECK(EVP_MAC_init(context_.get(), bytes_of(some_key), some_key.size(), nullptr) == 1 &&
                 EVP_MAC_update(context_.get(), bytes_of(message), message.size()) == 1 &&
                 EVP_MAC_final(context_.get(), digest.data(), &length, digest.size()) == 1 &&
                 length == digest.size(),
             "any key signs any message");
    // The context would keep the key, which may be gone everywhere else by then.
    VC_CHECK(EVP_MAC_init(context_.get(), bytes_of(""), 0, nullptr) == 1, "any key is taken");
    return digest;
  }

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
};

Sha256Digest hmac_sha256(std::string_view key, std::string_view message) {
  thread_local HmacSha256 signer;
  return signer.sign(key, message);
}

}  // namespace

// OpenSSL 3 would rather be asked for a digest by name, and loads its configuration and providers
// for that: a millisecond of a program that runs for ten. It is the same code.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  VC_CHECK(SHA256_Init(&state_->context) == 1, "SHA-256 is built in");
}

Sha256::~Sha256() = default;

void Sha256::add(std::string_view piece) {
  VC_CHECK(SHA256_Update(&state_->context, piece.data(), piece.size()) == 1,
           "a digest that was begun takes more");
}

std::string Sha256::hex() {
  Sha256Digest digest{};
  VC_CHECK(SHA256_Final(digest.data(), &state_->context) == 1, "a digest that was begun ends");
  return to_hex(digest.data(), digest.size());
}

#pragma GCC diagnostic pop

std::string sha256_hex(std::string_view text) {
  Sha256 whole;
  whole.add(text);
  return whole.hex();
}

std::string hmac_sha256_hex(std::string_view key, std::string_view message) {
  const Sha256Digest digest = hmac_sha256(key, message);
  return to_hex(digest.data(), digest.size());
}

std::string hmac_sha256_base64(std::string_view key, std::string_view message) {
  const Sha256Digest digest = hmac_sha256(key, message);
  std::array<unsigned char, 48> encoded{};  // 32 bytes become 44 characters and a zero
  const int characters =
      EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(characters)};
}

std::string sha1_base64(std::string_view text) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(bytes_of(text), text.size(), digest.data());
  std::array<unsigned char, 32> encoded{};  // 20 bytes become 28 characters and a zero
  const int length =
      EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace voicectl
