// SPDX-License-Identifier: Apache-2.0
#include "base/os/socket_diagnosis.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

/// State 10 of net/tcp_states.h: it listens.
constexpr std::uint32_t kListening = 1U << 10;
constexpr std::uint32_t kAnyState = ~0U;

template <typename Question>
struct Request {
  nlmsghdr head{};
  Question question{};
};

template <typename Question>
bool send_request(const UniqueFd& channel, const Question& question, std::uint16_t flags) {
  Request<Question> request;
  request.head.nlmsg_len = sizeof(request);
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  request.question = question;
  return ::send(channel.get(), &request, sizeof(request), 0) ==
         static_cast<ssize_t>(sizeof(request));
}

UniqueFd open_channel() {
  return UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
}

/// One datagram of answers; `on_answer` gets each. Whether more may follow.
bool take_answers(const UniqueFd& channel, const std::function<void(const nlmsghdr*)>& on_answer) {
  alignas(nlmsghdr) std::array<char, 32 * 1024> bytes{};
  ssize_t count = ::recv(channel.get(), bytes.data(), bytes.size(), 0);
  while (count < 0 && errno == EINTR) {
    count = ::recv(channel.get(), bytes.data(), bytes.size(), 0);
  }
  if (count <= 0) {
    return false;
  }
  auto left = static_cast<unsigned int>(count);
  const auto* head = reinterpret_cast<const nlmsghdr*>(bytes.data());
  bool is_last = false;
  for (; NLMSG_OK(head, left); head = NLMSG_NEXT(head, left)) {
    if (head->nlmsg_type == NLMSG_DONE || head->nlmsg_type == NLMSG_ERROR) {
      return false;
    }
    is_last = (head->nlmsg_flags & NLM_F_MULTI) == 0;
    on_answer(head);
  }
  return !is_last;
}

void ask_family(std::uint8_t family, std::vector<ListenerFacts>& out) {
  const UniqueFd channel = open_channel();
  inet_diag_req_v2 question{};
  question.sdiag_family = family;
  question.sdiag_protocol = IPPROTO_TCP;
  question.idiag_states = kListening;
  if (!channel.is_open() || !send_request(channel, question, NLM_F_DUMP)) {
    return;
  }
  const auto note = [&out](const nlmsghdr* head) {
    if (head->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) {
      return;
    }
    inet_diag_msg one{};
    std::memcpy(&one, NLMSG_DATA(head), sizeof(one));
    out.push_back({ntohs(one.id.idiag_sport), one.idiag_inode, one.idiag_uid});
  };
  while (take_answers(channel, note)) {
  }
}

unix_diag_req ask_where_bound() {
  unix_diag_req question{};
  question.sdiag_family = AF_UNIX;
  question.udiag_states = kAnyState;
  question.udiag_show = UDIAG_SHOW_VFS;
  question.udiag_cookie[0] = kAnyState;  // whichever socket of that number
  question.udiag_cookie[1] = kAnyState;
  return question;
}

std::optional<FileIdentity> bound_file_in(const nlmsghdr* head) {
  if (head->nlmsg_len < NLMSG_LENGTH(sizeof(unix_diag_msg))) {
    return std::nullopt;
  }
  int left = static_cast<int>(head->nlmsg_len - NLMSG_LENGTH(sizeof(unix_diag_msg)));
  const char* const body = static_cast<const char*>(NLMSG_DATA(head));
  const auto* part = reinterpret_cast<const rtattr*>(body + NLMSG_ALIGN(sizeof(unix_diag_msg)));
  for (; RTA_OK(part, left); part = RTA_NEXT(part, left)) {
    if (part->rta_type == UNIX_DIAG_VFS && RTA_PAYLOAD(part) >= sizeof(unix_diag_vfs)) {
      unix_diag_vfs place{};
      std::memcpy(&place, RTA_DATA(part), sizeof(place));
      return FileIdentity{place.udiag_vfs_dev, place.udiag_vfs_ino};
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<ListenerFacts> ask_for_listeners() {
  std::vector<ListenerFacts> out;
  ask_family(AF_INET, out);
  ask_family(AF_INET6, out);
  return out;
}

std::optional<FileIdentity> ask_for_bound_file(std::uint64_t inode) {
  const UniqueFd channel = open_channel();
  unix_diag_req question = ask_where_bound();
  question.udiag_ino = static_cast<std::uint32_t>(inode);
  if (inode > UINT32_MAX || !channel.is_open() || !send_request(channel, question, 0)) {
    return std::nullopt;
  }
  std::optional<FileIdentity> out;
  (void)take_answers(channel, [&out](const nlmsghdr* head) { out = bound_file_in(head); });
  return out;
}

std::unordered_map<std::uint64_t, FileIdentity> ask_for_bound_files() {
  const UniqueFd channel = open_channel();
  std::unordered_map<std::uint64_t, FileIdentity> out;
  if (!channel.is_open() || !send_request(channel, ask_where_bound(), NLM_F_DUMP)) {
    return out;
  }
  const auto note = [&out](const nlmsghdr* head) {
    if (const std::optional<FileIdentity> bound = bound_file_in(head)) {
      unix_diag_msg one{};
      std::memcpy(&one, NLMSG_DATA(head), sizeof(one));
      out.emplace(one.udiag_ino, *bound);
    }
  };
  while (take_answers(channel, note)) {
  }
  return out;
}

}  // namespace voicectl
