// SPDX-License-Identifier: Apache-2.0
#include "base/ip_address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

bool is_public(std::string_view text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address.has_value()) << text;
  return address && address->is_public();
}

bool contains(std::string_view network, std::string_view address) {
  return IpNetwork::parse(network)->contains(*IpAddress::parse(address));
}

TEST(IpAddressTest, TellsPublicAddressesFromAllOthers) {
  for (const char* const text : {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255",
                                 "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.167.1.1",
                                 "198.17.0.1", "223.255.255.255", "2a00:1450::1", "2606:4700::1"}) {
    EXPECT_TRUE(is_public(text)) << text;
  }
  for (const char* const text : {"0.0.0.0",
                                 "10.0.0.1",
                                 "10.255.255.255",
                                 "100.64.0.1",
                                 "127.0.0.1",
                                 "127.255.255.254",
                                 "169.254.169.254",
                                 "172.16.0.1",
                                 "172.31.255.255",
                                 "192.0.0.1",
                                 "192.168.0.1",
                                 "198.18.0.1",
                                 "224.0.0.1",
                                 "240.0.0.1",
                                 "255.255.255.255",
                                 "::",
                                 "::1",
                                 "fe80::1",
                                 "fc00::1",
                                 "fd12::1",
                                 "ff02::1",
                                 "2001:db8::1",
                                 "100::1"}) {
    EXPECT_FALSE(is_public(text)) << text;
  }
}

TEST(IpAddressTest, AnAddressWithinAnotherIsNoWayAround) {
  for (const char* const text : {"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254",
                                 "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::169.254.169.254",
                                 "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::"}) {
    EXPECT_FALSE(is_public(text)) << text;
  }
  EXPECT_EQ(IpAddress::parse("::ffff:127.0.0.1"), IpAddress::parse("127.0.0.1"));
}

TEST(IpAddressTest, TakesOnlyTheUsualForm) {
  for (const char* const text : {"", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "[::1]",
                                 "fe80::1%eth0", "1.2.3.4 ", " 1.2.3.4", "example.com"}) {
    EXPECT_FALSE(IpAddress::parse(text).has_value()) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0x", 9)).has_value());
}

TEST(IpAddressTest, IsReadFromASocketsAddress) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x7F000001);
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xFF;
  mapped.sin6_addr.s6_addr[12] = 10;
  sockaddr local{};
  local.sa_family = AF_UNIX;

  EXPECT_EQ(IpAddress::of(reinterpret_cast<const sockaddr&>(v4))->str(), "127.0.0.1");
  EXPECT_EQ(IpAddress::of(reinterpret_cast<const sockaddr&>(mapped))->str(), "10.0.0.0");
  EXPECT_FALSE(IpAddress::of(local).has_value());
}

TEST(IpNetworkTest, HoldsWhatItsPrefixSays) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.1.2"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(contains("172.16.0.0/12", "172.31.0.1"));
  EXPECT_FALSE(contains("172.16.0.0/12", "172.32.0.1"));
  EXPECT_TRUE(contains("127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(contains("127.0.0.1", "127.0.0.2"));
  EXPECT_TRUE(contains("fd00::/8", "fd12::1"));
  EXPECT_FALSE(contains("fd00::/8", "fe80::1"));
  EXPECT_TRUE(contains("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
}

TEST(IpNetworkTest, RefusesSlips) {
  for (const char* const text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/08", "10.0.0.0/-1",
        "10.0.0.0/8x", "fd00::1/8", "fd00::/129", "localhost/8", "10.0.0.0 /8"}) {
    EXPECT_THAT(IpNetwork::parse(text), FailsWith(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(AddressPolicyTest, AllowsPublicAddressesAndWhatIsNamed) {
  const AddressPolicy nothing_else({});
  const AddressPolicy office({*IpNetwork::parse("10.1.0.0/16"), *IpNetwork::parse("127.0.0.1")});

  EXPECT_TRUE(nothing_else.allows(*IpAddress::parse("1.1.1.1")));
  EXPECT_FALSE(nothing_else.allows(*IpAddress::parse("127.0.0.1")));
  EXPECT_TRUE(office.allows(*IpAddress::parse("10.1.2.3")));
  EXPECT_TRUE(office.allows(*IpAddress::parse("::ffff:127.0.0.1")));
  EXPECT_FALSE(office.allows(*IpAddress::parse("169.254.169.254")));
}

}  // namespace
}  // namespace voicectl
