// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "cli/command.h"
#include "provisioner/model/desired_state.h"

namespace voicectl {

/// A revision as the daemon keeps it: an object with "revision", "document", "purged" and "newest".
/// ERRORS: kNotFound if it is not kept (any more).
Result<Json> fetch_revision(DaemonClient& daemon, std::int64_t number);

/// Number of the newest revision. ERRORS: kNotFound before the first apply.
Result<std::int64_t> fetch_newest_revision(DaemonClient& daemon);

/// The desired state of a revision that was fetched.
Result<DesiredState> desired_state_of(const Json& kept);

/// Adds a revision's number as argument `name`. REQUIRES: `number` outlives `app`.
void add_revision_argument(CLI::App& app, std::string_view name, std::int64_t& number);

/// Adds -m/--message. REQUIRES: `message` outlives `app`.
void add_message_option(CLI::App& app, std::string& message);

/// What is kept as the reason of a change: what was done, and the message behind it.
std::string reason_of(std::string what, const std::string& message);

}  // namespace voicectl
