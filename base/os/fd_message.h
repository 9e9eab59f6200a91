// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/unique_fd.h"

namespace voicectl {

/// Longest message, in bytes, and most descriptors in one message. Longer lists are paged by the
/// protocol; the kernel's own bound for descriptors is 253 (unix(7), SCM_MAX_FD).
inline constexpr std::size_t kMaxChannelMessage = 128 * 1024;
inline constexpr std::size_t kMaxChannelDescriptors = 253;

/// Sends one message with descriptors over a message-framed socket, without waiting. `descriptors`
/// stay the caller's. Returns 0, or errno.
int send_fd_message(int socket, std::string_view text, const std::vector<int>& descriptors);

/// What one look at a message-framed socket gave.
struct ReceivedFdMessage {
  enum class Kind {
    kMessage,
    kNothing,  ///< none is here now
    kCut,      ///< a message lost a part: too long, or no room for its descriptors in this process
    kEnd,      ///< the other end is gone
  };
  Kind kind = Kind::kNothing;
  std::string text;
  std::vector<UniqueFd> descriptors;
};

/// Takes one message, without waiting. Descriptors are close-on-exec, and foreign whoever sent
/// them: also a process that we trust passes on what others have had or still have.
///
/// COST: room for the longest message is kept once per thread, not per channel: an instance has one
/// channel or more for each of its tenants.
ReceivedFdMessage receive_fd_message(int socket);

/// The numbers of descriptors that stay where they are.
std::vector<int> numbers_of(const std::vector<UniqueFd>& descriptors);

}  // namespace voicectl
