// SPDX-License-Identifier: Apache-2.0
#include "base/hmac_key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include <array>
#include <utility>

#include "base/check.h"

namespace voicectl {
namespace {

const unsigned char* message_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

struct HmacSha256Key::State {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
};

HmacSha256Key::HmacSha256Key(std::string_view key) : state_(std::make_unique<State>()) {
  std::array<char, 8> digest = {"SHA256"};
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  VC_CHECK(EVP_MAC_init(state_->context, message_bytes(key), key.size(), parameters.data()) == 1,
           "HMAC with SHA-256 is built in");
}

HmacSha256Key::~HmacSha256Key() {
  if (state_) {
    EVP_MAC_CTX_free(state_->context);
    EVP_MAC_free(state_->mac);
  }
}

HmacSha256Key::HmacSha256Key(HmacSha256Key&&) noexcept = default;

HmacSha256Key& HmacSha256Key::operator=(HmacSha256Key&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

std::string HmacSha256Key::hex(std::string_view message) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  std::size_t length = 0;
  // No key: the one that it has.
  const bool is_made =
      EVP_MAC_init(state_->context, nullptr, 0, nullptr) == 1 &&
      EVP_MAC_update(state_->context, message_bytes(message), message.size()) == 1 &&
      EVP_MAC_final(state_->context, digest.data(), &length, digest.size()) == 1;
  VC_CHECK(is_made, "a prepared key signs any message");
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out(2 * length, '0');
  for (std::size_t i = 0; i < length; ++i) {
    out[2 * i] = kDigits[digest.at(i) >> 4];
    out[2 * i + 1] = kDigits[digest.at(i) & 15];
  }
  return out;
}

}  // namespace voicectl
