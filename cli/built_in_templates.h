// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace voicectl {

/// Templates that are part of the program.
enum class BuiltInTemplate { kAlertRules, kDashboard };

/// Its text, as it stands below templates/.
std::string_view built_in_template(BuiltInTemplate which);

}  // namespace voicectl
