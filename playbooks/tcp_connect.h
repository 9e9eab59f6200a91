// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.h"
#include "base/os/unique_fd.h"
#include "base/result.h"
#include "base/units.h"

namespace voicectl {

/// A connected TCP socket that does not wait and sends small packets at once: SSH is a talk of
/// small packets, and five times slower when each waits for company.
/// ERRORS: kUnavailable if there is no such address or nobody listens; kTimeout.
Result<UniqueFd> connect_tcp(const std::string& address, Port port, Duration timeout);

enum class WaitFor { kReading, kWriting, kBoth };

/// True once the socket is ready, false after `timeout` (zero or less waits no time).
Result<bool> wait_for_socket(int fd, WaitFor what, Duration timeout);

}  // namespace voicectl
