// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <string_view>

#include "base/check.h"

namespace voicectl {

std::uint64_t Random::below(std::uint64_t bound) {
  VC_CHECK(bound > 0, "a range needs at least one number");
  // Numbers from the short last stretch are drawn again, so that every result is equally likely.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t number = next();
  while (number >= limit) {
    number = next();
  }
  return number % bound;
}

std::string Random::token(std::size_t count) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  // As many characters from one number as it has room for: each may be a system call.
  constexpr std::size_t kPerNumber = 12;
  std::string out;
  out.reserve(count);
  while (out.size() < count) {
    const std::size_t wanted = std::min(kPerNumber, count - out.size());
    std::uint64_t bound = 1;
    for (std::size_t i = 0; i < wanted; ++i) {
      bound *= kAlphabet.size();
    }
    std::uint64_t number = below(bound);
    for (std::size_t i = 0; i < wanted; ++i) {
      out += kAlphabet[number % kAlphabet.size()];
      number /= kAlphabet.size();
    }
  }
  return out;
}

std::uint64_t SystemRandom::next() {
  std::uint64_t number = 0;
  // Requests of up to 256 bytes are neither cut short nor interrupted (getrandom(2)).
  VC_CHECK(getrandom(&number, sizeof number, 0) == sizeof number, "the kernel has a generator");
  return number;
}

std::uint64_t SeededRandom::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31);
}

}  // namespace voicectl
