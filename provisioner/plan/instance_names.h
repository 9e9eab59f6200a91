// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"

namespace voicectl {

/// "shared-<number>".
InstanceId shared_instance_name(std::uint32_t number);

/// The number in such a name; nullopt for another name.
std::optional<std::uint32_t> shared_instance_number(const InstanceId& instance);

/// "spare-<number>": an instance that waits for a tenant, and keeps its name when it has one.
InstanceId spare_instance_name(std::uint32_t number);

/// The number in such a name; nullopt for another name.
std::optional<std::uint32_t> spare_instance_number(const InstanceId& instance);

/// Name of the `number`-th instance, counted from 1, that belongs to `tenant` alone:
/// "dedicated-<slug>", then "dedicated2-<slug>" while one replaces the other.
///
/// Long slugs are cut and get a hash. Two tenants never share a name, whatever they are called.
InstanceId dedicated_instance_name(const TenantId& tenant, std::uint32_t number);

/// What all such names of one tenant have in common, and no name of another tenant has; nullopt for
/// an instance that is not named so.
std::string dedicated_tail(const TenantId& tenant);
std::optional<std::string> dedicated_tail(const InstanceId& instance);

}  // namespace voicectl
