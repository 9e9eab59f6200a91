// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace voicectl {

/// Source of unpredictable numbers; tests use a fixed sequence.
class Random {
 public:
  virtual ~Random() = default;

  /// 64 uniformly distributed bits.
  virtual std::uint64_t next() = 0;

  /// Uniform in [0, bound). REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound);

  /// `count` characters of [a-z0-9], 5.17 bits each: for names and tokens.
  std::string token(std::size_t count);
};

/// The kernel's generator, fit for keys and tokens. Its real side lives in base/os.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;
};

/// Repeatable: the same seed gives the same sequence on every machine (SplitMix64).
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

}  // namespace voicectl
