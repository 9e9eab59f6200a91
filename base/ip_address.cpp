// SPDX-License-Identifier: Apache-2.0
#include "base/ip_address.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace voicectl {
namespace {

constexpr std::size_t kV4At = 12;
constexpr int kV4Bits = 96;

/// Not for everybody: the special-purpose registries of IANA.
constexpr std::string_view kSetAside[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "2001::/23",     "2001:db8::/32",   "2002::/16",      "3fff::/20",
};

/// The part of IPv6 that is given out; NAT64 and private addresses lie outside.
constexpr std::string_view kGlobalV6 = "2000::/3";

std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 60;
  return std::string(text.substr(0, kMost));
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  IpAddress out;
  in_addr v4{};
  if (text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  if (inet_pton(AF_INET, terminated.c_str(), &v4) == 1) {
    out.bytes_[10] = out.bytes_[11] = 0xFF;
    std::memcpy(out.bytes_.data() + kV4At, &v4, sizeof v4);
    return out;
  }
  return inet_pton(AF_INET6, terminated.c_str(), out.bytes_.data()) == 1 ? std::optional(out)
                                                                         : std::nullopt;
}

std::optional<IpAddress> IpAddress::of(const sockaddr& address) {
  IpAddress out;
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    out.bytes_[10] = out.bytes_[11] = 0xFF;
    std::memcpy(out.bytes_.data() + kV4At, &v4.sin_addr, sizeof v4.sin_addr);
    return out;
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    std::memcpy(out.bytes_.data(), &v6.sin6_addr, out.bytes_.size());
    return out;
  }
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::all_of(bytes_.begin(), bytes_.begin() + 10, [](auto byte) { return byte == 0; }) &&
         bytes_[10] == 0xFF && bytes_[11] == 0xFF;
}

bool IpAddress::is_public() const {
  static const IpNetwork kGlobal = *IpNetwork::parse(kGlobalV6);
  static const std::vector<IpNetwork> kOthers = [] {
    std::vector<IpNetwork> networks;
    for (const std::string_view network : kSetAside) {
      networks.push_back(*IpNetwork::parse(network));
    }
    return networks;
  }();
  return (is_v4() || kGlobal.contains(*this)) &&
         std::none_of(kOthers.begin(), kOthers.end(),
                      [this](const IpNetwork& network) { return network.contains(*this); });
}

std::string IpAddress::str() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* const from = is_v4() ? bytes_.data() + kV4At : bytes_.data();
  const bool is_written =
      inet_ntop(is_v4() ? AF_INET : AF_INET6, from, text.data(), text.size()) != nullptr;
  return is_written ? std::string(text.data()) : std::string();
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const Error bad(ErrorCode::kInvalidArgument,
                  fmt::format("cannot read '{}' as a network; write it as 10.0.0.0/8 or fd00::/8",
                              shown(text)));
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) {
    return bad;
  }
  IpNetwork out;
  out.address_ = *address;
  if (slash == std::string_view::npos) {
    return out;
  }
  // A prefix of IPv6 counts from the first bit, also where the address lies in the mapped range.
  const bool is_short = text.substr(0, slash).find(':') == std::string_view::npos;
  const std::string_view length = text.substr(slash + 1);
  int prefix = 0;
  const auto [end, problem] = std::from_chars(length.data(), length.data() + length.size(), prefix);
  const bool is_number = problem == std::errc() && end == length.data() + length.size() &&
                         (length.front() != '0' || length.size() == 1);
  if (!is_number || prefix < 0 || prefix > (is_short ? 32 : 128)) {
    return bad;
  }
  out.prefix_ = is_short ? prefix + kV4Bits : prefix;
  for (int bit = out.prefix_; bit < 128; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    if ((out.address_.bytes_[byte] & (0x80U >> static_cast<unsigned>(bit % 8))) != 0) {
      return bad;
    }
  }
  return out;
}

bool IpNetwork::contains(const IpAddress& address) const {
  const auto whole = static_cast<std::size_t>(prefix_ / 8);
  if (!std::equal(address_.bytes_.begin(), address_.bytes_.begin() + whole,
                  address.bytes_.begin())) {
    return false;
  }
  const int rest = prefix_ % 8;
  const auto mask = static_cast<std::uint8_t>(0xFF00U >> static_cast<unsigned>(rest));
  return rest == 0 || ((address_.bytes_[whole] ^ address.bytes_[whole]) & mask) == 0;
}

bool AddressPolicy::allows(const IpAddress& address) const {
  return address.is_public() ||
         std::any_of(also_.begin(), also_.end(),
                     [&](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace voicectl
