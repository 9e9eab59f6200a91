// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/os/listener_factory.h"
#include "tests/support/fake_file_system.h"

namespace voicectl {

/// The ports and socket files of the simulated machine. It outlives the daemon.
///
/// A listener is the writing end of a real pipe whose reading end stays here: so descriptors can
/// be duplicated, passed on and closed by anyone, and the kernel's own count tells whether some
/// simulated program still holds the listener.
class FakeNetwork {
 public:
  enum class SocketKind { kTcp, kStream, kPackets };

  /// OWNS nothing: `files` must outlive it.
  explicit FakeNetwork(FakeFileSystem& files) : files_(files) {}
  /// The disk that its sockets lie on.
  FakeFileSystem& files() { return files_; }

  /// Another program takes the port, or lets it go.
  void occupy(Port port) { foreign_ports_.insert(port); }
  void vacate(Port port) { foreign_ports_.erase(port); }
  const std::set<Port>& foreign_ports() const { return foreign_ports_; }
  /// Another program listens at the path, or ends and leaves its file behind.
  void occupy(const std::string& path);
  void abandon(const std::string& path) { foreign_paths_.erase(path); }

  /// Whether any program still holds the listener.
  bool is_held(Port port);
  bool is_held(const std::string& path);
  /// Whether a connection to the path would reach a listener: it is held and its file is there.
  bool is_reachable(const std::string& path);

  /// Whether a connection to the path arrives at the listener behind `descriptor`, or a duplicate
  /// of it: a socket that was bound there later takes them.
  bool leads_to(const std::string& path, int descriptor);

  /// Where the listener behind `descriptor` (or a duplicate of it) is bound, as describe() says;
  /// empty if it is none of ours.
  std::string address_of(int descriptor) const;
  /// Whether it, or what it duplicates, still listens.
  bool is_listening(int descriptor) const;
  /// Its number, or that of the duplicate it is; nullopt if it is no open descriptor.
  static std::optional<std::uint64_t> number_of(int descriptor);

  /// Ports that some program of ours holds.
  std::set<Port> held_ports();

  /// Every bind that succeeded, in order, as describe() says.
  const std::vector<std::string>& binds() const { return binds_; }

 private:
  friend class FakeListenerFactory;

  struct Listener {
    SocketKind kind;
    std::string address;
    UniqueFd probe;  ///< reads end of file once nobody holds the other end
    std::uint64_t inode = 0;
    /// Which bind it came of.
    std::size_t bind = 0;
    bool is_stopped = false;
  };

  void stop(int descriptor);
  Result<UniqueFd> bind(SocketKind kind, const std::string& address);
  Result<UniqueFd> bind_path(SocketKind kind, const std::string& path, const SocketAccess& access);
  /// Forgets listeners that nobody holds any more.
  void drop_abandoned();
  Listener* find(const std::string& address);

  FakeFileSystem& files_;
  std::map<std::uint64_t, Listener> listeners_;  // by inode of the pipe
  std::set<Port> foreign_ports_;
  std::set<std::string> foreign_paths_;
  std::vector<std::string> binds_;
};

/// One daemon's way to the simulated network.
class FakeListenerFactory final : public ListenerFactory {
 public:
  explicit FakeListenerFactory(FakeNetwork& network) : network_(network) {}

  Result<UniqueFd> bind_tcp(Port port) override;
  Result<UniqueFd> bind_unix(const std::string& path, const SocketAccess& access) override;
  Result<UniqueFd> bind_unix_packets(const std::string& path, const SocketAccess& access) override;
  void stop_listening(const UniqueFd& listener) override;
  void close(UniqueFd listener) override { listener.close(); }
  std::string describe(const UniqueFd& listener) const override;
  bool is_same(const UniqueFd& one, const UniqueFd& other) const override;

 private:
  FakeNetwork& network_;
};

}  // namespace voicectl
