// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace voicectl {

/// An IPv4 or IPv6 address. An IPv4 address that is written as an IPv6 one ("::ffff:127.0.0.1") is
/// the IPv4 address, because that is where a connection to it goes.
class IpAddress {
 public:
  /// "192.0.2.1", "::1"; no zone, no brackets. nullopt for anything else.
  static std::optional<IpAddress> parse(std::string_view text);
  /// nullopt for an address of another family.
  static std::optional<IpAddress> of(const sockaddr& address);

  bool is_v4() const;
  /// Whether everybody on the Internet may have it: not loopback, private, link-local (where cloud
  /// hosts answer for their metadata), multicast or set aside. An address that carries an IPv4
  /// address (6to4, NAT64, Teredo) is not either: what it leads to is somebody else's choice.
  bool is_public() const;
  std::string str() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  friend class IpNetwork;
  std::array<std::uint8_t, 16> bytes_{};
};

/// A range of addresses.
class IpNetwork {
 public:
  /// "10.0.0.0/8", "fd00::/8", or one address. ERRORS: kInvalidArgument, also if the address has
  /// bits behind the prefix: "10.0.0.1/8" is a slip of some kind.
  static Result<IpNetwork> parse(std::string_view text);

  bool contains(const IpAddress& address) const;

 private:
  IpAddress address_;
  /// Of 128.
  int prefix_ = 128;
};

/// Where connections may go that somebody else's configuration asks for: public addresses, and
/// networks that are named.
class AddressPolicy {
 public:
  explicit AddressPolicy(std::vector<IpNetwork> also) : also_(std::move(also)) {}
  bool allows(const IpAddress& address) const;

 private:
  std::vector<IpNetwork> also_;
};

}  // namespace voicectl
