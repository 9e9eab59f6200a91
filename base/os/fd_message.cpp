// SPDX-License-Identifier: Apache-2.0
#include "base/os/fd_message.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace voicectl {
namespace {

/// Room for one message with all its descriptors, aligned as the kernel wants it.
struct ControlBuffer {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxChannelDescriptors)> bytes{};
};

/// Takes every descriptor out of a received message, so that none stays open unowned.
std::vector<UniqueFd> take_descriptors(msghdr& message) {
  std::vector<UniqueFd> taken;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
      taken.push_back(UniqueFd::foreign(descriptor));
    }
  }
  return taken;
}

}  // namespace

int send_fd_message(int socket, std::string_view text, const std::vector<int>& descriptors) {
  iovec part{const_cast<char*>(text.data()), text.size()};  // sendmsg() only reads
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ControlBuffer control;
  if (!descriptors.empty()) {
    const std::size_t size = sizeof(int) * descriptors.size();
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

ReceivedFdMessage receive_fd_message(int socket) {
  thread_local const std::unique_ptr<char[]> room(new char[kMaxChannelMessage]);
  ReceivedFdMessage received;
  iovec part{room.get(), kMaxChannelMessage};
  ControlBuffer control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const ssize_t count = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) {
    // A reset is told once and before the messages that still wait; the end itself reads as 0.
    const bool is_end = errno != EAGAIN && errno != EINTR && errno != ECONNRESET;
    received.kind = is_end ? ReceivedFdMessage::Kind::kEnd : ReceivedFdMessage::Kind::kNothing;
    return received;
  }
  received.descriptors = take_descriptors(message);
  received.text.assign(room.get(), static_cast<std::size_t>(count));
  if (count == 0) {
    received.kind = ReceivedFdMessage::Kind::kEnd;
  } else if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    received.kind = ReceivedFdMessage::Kind::kCut;
  } else {
    received.kind = ReceivedFdMessage::Kind::kMessage;
  }
  return received;
}

std::vector<int> numbers_of(const std::vector<UniqueFd>& descriptors) {
  std::vector<int> numbers(descriptors.size());
  std::transform(descriptors.begin(), descriptors.end(), numbers.begin(),
                 [](const UniqueFd& descriptor) { return descriptor.get(); });
  return numbers;
}

}  // namespace voicectl
