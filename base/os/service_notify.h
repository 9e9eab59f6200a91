// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace voicectl {

/// Tells the service manager that started us, such as "READY=1\nSTATUS=..." (sd_notify(3)). Does
/// nothing where there is none. THREADS: any.
void notify_service_manager(std::string_view message);

}  // namespace voicectl
