// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.h"
#include "runtime/backend/time_zone.h"
#include "runtime/session/session.h"
#include "runtime/tenant/config.h"
#include "runtime/ultravox/call.h"
#include "runtime/webhook/tools.h"

namespace voicectl::runtime {

/// What the agent is told about the business and its task. Pure.
std::string make_system_prompt(const TenantConfig& config,
                               const TimeZone& zone,
                               const InstructionMarks& marks,
                               WallTime now);

/// The call that serves a session: the tenant's voice, the tools of its business, and callbacks
/// to us. Pure.
ultravox::CallRequest make_call_request(const TenantConfig& config,
                                        const TimeZone& zone,
                                        const Session& session,
                                        ultravox::CallMedium medium,
                                        WallTime now);

}  // namespace voicectl::runtime
