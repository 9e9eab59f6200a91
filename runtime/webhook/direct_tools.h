// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/secret.h"
#include "runtime/backend/erpnext/erpnext_outcome.h"
#include "runtime/backend/erpnext/erpnext_settings.h"
#include "runtime/session/session_book.h"
#include "runtime/ultravox/call.h"

/// Tools that the voice service calls at the site itself: what it is given, and what became of
/// them, which only the call's own messages tell. All pure.
namespace voicectl::runtime {

/// Member of a call's metadata that marks one whose tools were the site's, and its value. The call
/// is judged by what it was made with, not by what the tenant has become meanwhile.
inline constexpr std::string_view kToolsMember = "tools";
inline constexpr std::string_view kDirectTools = "direct";

/// The tools of a business at the site. `credential` is "<key>:<secret>"; it goes into the call's
/// authTokens and nowhere else.
std::vector<ultravox::UltravoxTool> make_direct_tools(BusinessType type,
                                                      const ErpnextSettings& site,
                                                      const SessionId& session,
                                                      const Secret& credential);

/// Whether the session still has to learn what its call's tools did.
bool lacks_direct_outcomes(const Session& session, const ultravox::Call& call);

/// What the tools of a call did: events, records and outcome, as if they had been served here.
/// Tools that the business does not have, and calls that nobody answered, are left out.
/// REQUIRES: lacks_direct_outcomes(session, call).
Change note_direct_outcomes(const Session& session,
                            const ultravox::Call& call,
                            const std::vector<ultravox::CallMessage>& messages,
                            const SiteClocks& clocks,
                            WallTime now);

}  // namespace voicectl::runtime
