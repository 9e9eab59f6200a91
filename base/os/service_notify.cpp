// SPDX-License-Identifier: Apache-2.0
#include "base/os/service_notify.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace voicectl {
namespace {

/// SD_LISTEN_FDS_START.
constexpr int kFirstDescriptor = 3;
/// Descriptors in one message; ours are sent one by one.
constexpr std::size_t kMostInMessage = 16;

std::optional<std::size_t> number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  std::size_t number = 0;
  if (text == nullptr) {
    return std::nullopt;
  }
  const char* const end = text + std::strlen(text);
  const auto [rest, problem] = std::from_chars(text, end, number);
  return problem == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

bool send_to(const sockaddr_un& address,
             socklen_t length,
             std::string_view text,
             const std::vector<int>& descriptors) {
  iovec part{const_cast<char*>(text.data()), text.size()};  // sendmsg() only reads
  msghdr message{};
  message.msg_name = const_cast<sockaddr_un*>(&address);
  message.msg_namelen = length;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostInMessage)> control{};
  if (!descriptors.empty()) {
    const std::size_t size = sizeof(int) * descriptors.size();
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  }
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return ::sendmsg(socket.get(), &message, MSG_NOSIGNAL) >= 0;
}

}  // namespace

bool notify_service_manager(std::string_view message, const std::vector<int>& descriptors) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path ||
      descriptors.size() > kMostInMessage) {
    return false;
  }
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  std::memcpy(address.sun_path, path, length);
  if (address.sun_path[0] == '@') {
    address.sun_path[0] = '\0';  // a name of the abstract namespace
  }
  return send_to(address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length), message,
                 descriptors);
}

std::vector<ServiceDescriptor> take_service_descriptors() {
  std::vector<ServiceDescriptor> taken;
  const std::size_t count = number_in("LISTEN_FDS").value_or(0);
  // Without this check a child of whoever was given them would take them for its own.
  const bool is_ours = number_in("LISTEN_PID") == static_cast<std::size_t>(::getpid());
  const char* const text = std::getenv("LISTEN_FDNAMES");
  std::string_view names = text == nullptr ? std::string_view() : text;
  for (std::size_t i = 0; is_ours && i < count; ++i) {
    const std::string_view name = names.substr(0, names.find(':'));
    UniqueFd descriptor = UniqueFd::foreign(kFirstDescriptor + static_cast<int>(i));
    if (::fcntl(descriptor.get(), F_SETFD, FD_CLOEXEC) == 0) {
      taken.push_back({std::string(name), std::move(descriptor)});
    } else {
      (void)descriptor.release();  // there is none of that number
    }
    names.remove_prefix(std::min(names.size(), name.size() + 1));
  }
  for (const char* const variable : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) {
    ::unsetenv(variable);
  }
  return taken;
}

std::optional<std::size_t> service_descriptor_room() {
  return std::getenv("NOTIFY_SOCKET") == nullptr ? std::nullopt : number_in("FDSTORE");
}

}  // namespace voicectl
