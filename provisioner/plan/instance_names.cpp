// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/instance_names.h"

#include <fmt/core.h>

#include <charconv>
#include <string_view>

#include "base/check.h"
#include "base/crypto.h"

namespace voicectl {
namespace {

constexpr std::string_view kSharedPrefix = "shared-";
constexpr std::string_view kSparePrefix = "spare-";
constexpr std::string_view kDedicatedPrefix = "dedicated";

/// Leaves room for "dedicated", a number of three digits and a dash within a label of 63.
constexpr std::size_t kLongestTail = 50;
constexpr std::size_t kHashLength = 8;

InstanceId checked(const std::string& name) {
  const Result<InstanceId> id = InstanceId::parse(name);
  VC_CHECK(id.has_value(), "names made here are labels");
  return *id;
}

std::optional<std::uint32_t> number_behind(std::string_view prefix, const InstanceId& instance) {
  const std::string_view name = instance.str();
  if (!name.starts_with(prefix)) {
    return std::nullopt;
  }
  std::uint32_t number = 0;
  const char* const end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + prefix.size(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

InstanceId shared_instance_name(std::uint32_t number) {
  return checked(fmt::format("{}{}", kSharedPrefix, number));
}

std::optional<std::uint32_t> shared_instance_number(const InstanceId& instance) {
  return number_behind(kSharedPrefix, instance);
}

InstanceId spare_instance_name(std::uint32_t number) {
  return checked(fmt::format("{}{}", kSparePrefix, number));
}

std::optional<std::uint32_t> spare_instance_number(const InstanceId& instance) {
  return number_behind(kSparePrefix, instance);
}

std::string dedicated_tail(const TenantId& tenant) {
  const std::string& slug = tenant.str();
  // A slug that is cut gives exactly kLongestTail characters and one that stands whole gives fewer,
  // so nobody can choose a slug that meets the cut form of another one.
  if (slug.size() < kLongestTail) {
    return slug;
  }
  return slug.substr(0, kLongestTail - kHashLength - 1) + "-" +
         sha256_hex(slug).substr(0, kHashLength);
}

std::optional<std::string> dedicated_tail(const InstanceId& instance) {
  std::string_view name = instance.str();
  if (!name.starts_with(kDedicatedPrefix)) {
    return std::nullopt;
  }
  name.remove_prefix(kDedicatedPrefix.size());
  const std::size_t dash = name.find('-');
  if (dash == std::string_view::npos ||
      name.substr(0, dash).find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  return std::string(name.substr(dash + 1));
}

InstanceId dedicated_instance_name(const TenantId& tenant, std::uint32_t number) {
  const std::string tail = dedicated_tail(tenant);
  return checked(number <= 1 ? fmt::format("{}-{}", kDedicatedPrefix, tail)
                             : fmt::format("{}{}-{}", kDedicatedPrefix, number, tail));
}

}  // namespace voicectl
