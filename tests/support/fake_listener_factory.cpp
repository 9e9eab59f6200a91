// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_listener_factory.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>

namespace voicectl {
namespace {

constexpr std::size_t kLongestPath = sizeof(sockaddr_un::sun_path) - 1;

std::string address_of_port(Port port) {
  return "127.0.0.1:" + port.str();
}

std::string address_of_path(const std::string& path) {
  return "unix:" + path;
}

bool has_holder(const UniqueFd& probe) {
  pollfd question{probe.get(), POLLIN, 0};
  return ::poll(&question, 1, 0) == 0;
}

Error taken(const std::string& address) {
  return Error(ErrorCode::kAlreadyExists,
               fmt::format("cannot bind '{}': another program listens there", address));
}

}  // namespace

void FakeNetwork::occupy(const std::string& path) {
  foreign_paths_.insert(path);
  (void)files_.put_socket(path, FileMode{0600}, UserIds{});  // a missing folder hides the file
}

void FakeNetwork::drop_abandoned() {
  std::erase_if(listeners_, [](const auto& item) { return !has_holder(item.second.probe); });
}

FakeNetwork::Listener* FakeNetwork::find(const std::string& address) {
  Listener* found = nullptr;
  for (auto& [inode, listener] : listeners_) {
    // Whether it is held is asked of the kernel: only of those that it is about.
    if (listener.address == address && !listener.is_stopped && has_holder(listener.probe) &&
        (found == nullptr || listener.bind > found->bind)) {
      found = &listener;
    }
  }
  return found;
}

bool FakeNetwork::is_held(Port port) {
  return find(address_of_port(port)) != nullptr;
}

bool FakeNetwork::is_held(const std::string& path) {
  return find(address_of_path(path)) != nullptr;
}

bool FakeNetwork::is_reachable(const std::string& path) {
  const FakeFileSystem::Entry* const entry = files_.find(path);
  return entry != nullptr && entry->kind == FakeFileSystem::Kind::kSocket &&
         (foreign_paths_.contains(path) || is_held(path));
}

bool FakeNetwork::leads_to(const std::string& path, int descriptor) {
  const Listener* const newest = is_reachable(path) ? find(address_of_path(path)) : nullptr;
  return newest != nullptr && newest->inode == number_of(descriptor);
}

std::optional<std::uint64_t> FakeNetwork::number_of(int descriptor) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) {
    return std::nullopt;
  }
  return info.st_ino;
}

std::string FakeNetwork::address_of(int descriptor) const {
  const std::optional<std::uint64_t> inode = number_of(descriptor);
  const auto found = inode ? listeners_.find(*inode) : listeners_.end();
  return found == listeners_.end() ? "" : found->second.address;
}

bool FakeNetwork::is_listening(int descriptor) const {
  const std::optional<std::uint64_t> inode = number_of(descriptor);
  const auto found = inode ? listeners_.find(*inode) : listeners_.end();
  return found != listeners_.end() && !found->second.is_stopped;
}

void FakeNetwork::stop(int descriptor) {
  const std::optional<std::uint64_t> inode = number_of(descriptor);
  const auto found = inode ? listeners_.find(*inode) : listeners_.end();
  if (found != listeners_.end()) {
    found->second.is_stopped = true;
  }
}

std::set<Port> FakeNetwork::held_ports() {
  drop_abandoned();
  std::set<Port> ports;
  for (const auto& [inode, listener] : listeners_) {
    if (listener.kind == SocketKind::kTcp && !listener.is_stopped) {
      const std::string number = listener.address.substr(listener.address.rfind(':') + 1);
      ports.insert(*Port::make(std::stoi(number)));
    }
  }
  return ports;
}

Result<UniqueFd> FakeNetwork::bind(SocketKind kind, const std::string& address) {
  drop_abandoned();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot bind '{}': out of descriptors", address));
  }
  Listener listener{kind, address, UniqueFd(ends[0]), 0, binds_.size()};
  UniqueFd descriptor(ends[1]);
  listener.inode = number_of(descriptor.get()).value_or(0);
  listeners_.insert_or_assign(listener.inode, std::move(listener));
  binds_.push_back(address);
  return descriptor;
}

Result<UniqueFd> FakeNetwork::bind_path(SocketKind kind,
                                        const std::string& path,
                                        const SocketAccess& access) {
  if (path.size() > kLongestPath) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot bind '{}': a socket's path has at most {} bytes", path, kLongestPath));
  }
  if (is_reachable(path)) {
    return taken(address_of_path(path));
  }
  const FakeFileSystem::Entry* const entry = files_.find(path);
  if (entry != nullptr && entry->kind != FakeFileSystem::Kind::kSocket) {
    return Error(ErrorCode::kAlreadyExists,
                 fmt::format("cannot bind '{}': something else than a socket is there", path));
  }
  VC_TRY(files_.put_socket(path, access.mode, UserIds{0, access.group.value_or(0)}));
  return bind(kind, address_of_path(path));
}

Result<UniqueFd> FakeListenerFactory::bind_tcp(Port port) {
  const std::string address = address_of_port(port);
  if (network_.foreign_ports_.contains(port) || network_.is_held(port)) {
    return taken(address);
  }
  return network_.bind(FakeNetwork::SocketKind::kTcp, address);
}

Result<UniqueFd> FakeListenerFactory::bind_unix(const std::string& path,
                                                const SocketAccess& access) {
  return network_.bind_path(FakeNetwork::SocketKind::kStream, path, access);
}

Result<UniqueFd> FakeListenerFactory::bind_unix_packets(const std::string& path,
                                                        const SocketAccess& access) {
  return network_.bind_path(FakeNetwork::SocketKind::kPackets, path, access);
}

void FakeListenerFactory::stop_listening(const UniqueFd& listener) {
  network_.stop(listener.get());
}

std::string FakeListenerFactory::describe(const UniqueFd& listener) const {
  return network_.address_of(listener.get());
}

bool FakeListenerFactory::is_same(const UniqueFd& one, const UniqueFd& other) const {
  const std::optional<std::uint64_t> number = FakeNetwork::number_of(one.get());
  return number && number == FakeNetwork::number_of(other.get());
}

}  // namespace voicectl
