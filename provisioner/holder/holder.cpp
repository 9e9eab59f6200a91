// SPDX-License-Identifier: Apache-2.0
#include "provisioner/holder/holder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/os/fd_message.h"
#include "provisioner/holder/protocol.h"
#include "provisioner/holder/words.h"

namespace voicectl::holder {
namespace {

UniqueFd make_clock(unsigned seconds) {
  UniqueFd clock(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  itimerspec every{};
  every.it_interval.tv_sec = seconds;
  every.it_value.tv_sec = seconds;
  (void)::timerfd_settime(clock.get(), 0, &every, nullptr);  // without it we stay until told
  return clock;
}

UniqueFd open_reserve() {
  return UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
}

bool is_ours(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == ::geteuid() || peer.uid == 0);
}

/// The file at `path`; nullopt if there is none, or it cannot be looked at (errno).
std::optional<Holder::FileId> file_at(const std::string& path) {
  struct statx about {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &about) != 0) {
    return std::nullopt;
  }
  // Where births are not noted they are all the same.
  return Holder::FileId{(std::uint64_t{about.stx_dev_major} << 32U) | about.stx_dev_minor,
                        about.stx_ino, about.stx_btime.tv_sec, about.stx_btime.tv_nsec};
}

/// Whether nobody finds us at `path` any more: it is gone, or somebody else has bound it since.
bool is_lost(const std::string& path, const std::optional<Holder::FileId>& ours) {
  const std::optional<Holder::FileId> there = file_at(path);
  if (!there) {
    return errno == ENOENT || errno == ENOTDIR;
  }
  return ours && *there != *ours;
}

}  // namespace

Holder::Holder(UniqueFd listener, Options options)
    : listener_(std::move(listener)),
      options_(std::move(options)),
      socket_file_(file_at(options_.socket_path)),
      clock_(make_clock(options_.check_seconds)),
      reserve_(open_reserve()),
      lanes_({options_.keep_checks, options_.most_connections}) {}

int Holder::run() {
  while (!is_stopping_) {
    std::vector<pollfd> watched{{listener_.get(), POLLIN, 0}, {clock_.get(), POLLIN, 0}};
    for (const Visitor& visitor : visitors_) {
      const int wanted = POLLIN | (visitor.is_listing ? POLLOUT : 0);
      watched.push_back({visitor.socket.get(), static_cast<short>(wanted), 0});
    }
    lanes_.watch(watched);
    if (::poll(watched.data(), watched.size(), lanes_.is_waiting() ? 0 : -1) < 0) {
      continue;  // a signal that we have no handler for ends us; the rest is none of our business
    }
    // The daemon first, and all that it has said: it says what instances may do.
    for (std::size_t i = 0; i < visitors_.size() && !is_stopping_; ++i) {
      const auto seen = static_cast<unsigned>(watched[i + 2].revents);
      if ((seen & POLLOUT) != 0) {
        tell(visitors_[i]);
      }
      if ((seen & (POLLIN | POLLHUP | POLLERR)) != 0) {
        hear(visitors_[i]);
      }
    }
    std::erase_if(visitors_, [](const Visitor& visitor) { return visitor.is_gone; });
    lanes_.act(watched);
    if (watched[0].revents != 0) {
      accept_all();
    }
    std::uint64_t ticks = 0;
    if (watched[1].revents != 0 && ::read(clock_.get(), &ticks, sizeof ticks) > 0 && !is_needed()) {
      return 0;
    }
  }
  return 0;
}

void Holder::accept_all() {
  while (true) {
    UniqueFd socket = UniqueFd::foreign(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.is_open() && (errno == EMFILE || errno == ENFILE)) {
      // Turned away rather than left in the queue, where it would keep us awake.
      reserve_.close();
      UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)).close();
      reserve_ = open_reserve();
      return;
    }
    if (!socket.is_open()) {
      return;
    }
    if (is_ours(socket.get())) {
      Visitor visitor;
      visitor.socket = std::move(socket);
      visitors_.push_back(std::move(visitor));
    }
  }
}

void Holder::hear(Visitor& visitor) {
  while (!is_stopping_ && !visitor.is_gone) {
    ReceivedFdMessage received = receive_fd_message(visitor.socket.get());
    switch (received.kind) {
      case ReceivedFdMessage::Kind::kNothing:
        return;
      case ReceivedFdMessage::Kind::kEnd:
        visitor.is_gone = true;
        return;
      case ReceivedFdMessage::Kind::kCut:
        forget(received.text);
        refuse(visitor, "no room for the descriptors of a message");
        break;
      case ReceivedFdMessage::Kind::kMessage:
        take(visitor, received.text, std::move(received.descriptors));
        break;
    }
  }
}

void Holder::take(Visitor& visitor, const std::string& text, std::vector<UniqueFd> descriptors) {
  std::string_view name = text;
  const std::string_view word = cut_word(name);
  if (word == kPut) {
    put(visitor, name, std::move(descriptors));
  } else if (word == kDrop) {
    if (const auto known = kept_.find(name); known != kept_.end()) {
      kept_.erase(known);
    }
  } else if (word == kList) {
    begin_list(visitor);
  } else if (word == kStop) {
    is_stopping_ = true;
  } else {
    take_of_lanes(visitor, word, name, std::move(descriptors));
  }
}

void Holder::take_of_lanes(Visitor& visitor,
                           std::string_view word,
                           std::string_view rest,
                           std::vector<UniqueFd> descriptors) {
  const bool has_one = descriptors.size() == 1;
  const std::string_view first = cut_word(rest);
  if (word == kLane && has_one) {
    lanes_.open(first, std::move(descriptors.front()));
  } else if (word == kAllow) {
    lanes_.allow(first, rest);
  } else if (word == kForbid) {
    lanes_.forbid(first, rest);
  } else if (word == kGive && has_one) {
    lanes_.give(first, std::move(descriptors.front()));
  } else {
    refuse(visitor, "it is not known here");
  }
}

void Holder::forget(std::string_view text) {
  // What was to be replaced is not what its owner has any more.
  if (cut_word(text) == kPut) {
    if (const auto known = kept_.find(text); known != kept_.end()) {
      kept_.erase(known);
    }
  }
}

void Holder::put(Visitor& visitor, std::string_view name, std::vector<UniqueFd> descriptors) {
  if (name.empty() || name.size() > kMaxName || descriptors.empty()) {
    return refuse(visitor, "a name or its descriptors are missing");
  }
  kept_.insert_or_assign(std::string(name), std::move(descriptors));
}

void Holder::begin_list(Visitor& visitor) {
  visitor.to_tell.clear();
  visitor.told = 0;
  visitor.is_listing = true;
  for (const auto& [name, descriptors] : kept_) {
    visitor.to_tell.push_back(name);
  }
  tell(visitor);
}

void Holder::tell(Visitor& visitor) {
  while (!visitor.is_gone && !visitor.to_tell.empty()) {
    const auto known = kept_.find(visitor.to_tell.front());
    if (known != kept_.end()) {
      if (!send(visitor, std::string(kKept) + " " + known->first, numbers_of(known->second))) {
        return;
      }
      ++visitor.told;
    }
    visitor.to_tell.pop_front();
  }
  const std::string end =
      std::string(kEnd) + " " + std::to_string(visitor.told) + " " + std::to_string(kVersion);
  if (!visitor.is_gone && send(visitor, end, {})) {
    visitor.is_listing = false;
  }
}

bool Holder::send(Visitor& visitor, std::string_view text, const std::vector<int>& descriptors) {
  const int problem = send_fd_message(visitor.socket.get(), text, descriptors);
  if (problem == EAGAIN || problem == ENOBUFS || problem == ETOOMANYREFS) {
    return false;
  }
  visitor.is_gone = visitor.is_gone || problem != 0;
  return true;
}

void Holder::refuse(Visitor& visitor, std::string_view why) {
  // One that does not even read its refusals gets none.
  (void)send(visitor, std::string(kRefused) + " " + std::string(why), {});
}

bool Holder::is_needed() {
  if (is_lost(options_.socket_path, socket_file_)) {
    return false;
  }
  lanes_.tick();
  idle_ = visitors_.empty() && kept_.empty() && lanes_.is_empty() ? idle_ + 1 : 0;
  return idle_ < options_.idle_checks;
}

}  // namespace voicectl::holder
