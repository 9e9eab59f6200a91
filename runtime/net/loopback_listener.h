// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/os/unique_fd.h"
#include "base/result.h"

namespace voicectl {

/// A socket that listens on this machine only, and where: "127.0.0.1:41234", "[::1]:41234".
struct LoopbackListener {
  UniqueFd socket;
  std::string address;
};

/// Listens at "127.0.0.1:<port>", "localhost:<port>" or "[::1]:<port>"; port 0 takes a free one.
///
/// Other addresses are refused: a development program lets whoever reaches it make requests from
/// here. ERRORS: kInvalidArgument; kAlreadyExists if the port is taken; kPermissionDenied.
Result<LoopbackListener> listen_at(std::string_view address);

/// Goes on with a listening socket that was inherited under that number.
/// ERRORS: kInvalidArgument if it is no TCP socket that listens.
Result<LoopbackListener> inherit_listener(int number);

}  // namespace voicectl
