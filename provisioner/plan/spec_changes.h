// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "provisioner/model/desired_state.h"

namespace voicectl {

/// What differs between two specifications, for people: "tier auto -> dedicated; menu". Empty when
/// nothing does.
std::string describe_changes(const TenantSpec& before, const TenantSpec& after);
std::string describe_changes(const PlatformSpec& before, const PlatformSpec& after);

}  // namespace voicectl
