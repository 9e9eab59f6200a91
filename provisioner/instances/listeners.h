// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/os/file_system.h"
#include "base/os/listener_factory.h"
#include "base/os/unique_fd.h"
#include "base/result.h"
#include "base/units.h"

namespace voicectl {

/// The two listening sockets of a tenant, as numbers to send along a message. They stay the
/// bank's and are valid until `release`.
struct ListenerDescriptors {
  int unix_listener = -1;
  int tcp_listener = -1;
};

/// Keeps every tenant's two listening sockets for the tenant's whole life, whichever instance
/// accepts on them: connections that come while none does wait in the kernel.
///
/// THREADS: loop thread only.
class ListenerBank {
 public:
  /// OWNS nothing: both must outlive the bank.
  ListenerBank(ListenerFactory& factory, FileSystem& files) : factory_(factory), files_(files) {}

  /// Binds both sockets of `tenant`, or neither. Holding them already is success.
  /// ERRORS: kAlreadyExists if somebody else listens there; kConflict if the bank holds the tenant
  /// on another port; those of ListenerFactory.
  Status bind(const TenantId& tenant,
              const std::string& unix_path,
              const SocketAccess& access,
              Port port);

  /// Keeps sockets that came back from an instance. If the tenant is held already, the given ones
  /// are closed: they are the same sockets, or younger than what clients were told.
  void take_over(const TenantId& tenant, UniqueFd unix_listener, UniqueFd tcp_listener);

  bool holds(const TenantId& tenant) const;

  /// Numbers to lend; nullopt if the tenant is not held.
  std::optional<ListenerDescriptors> descriptors(const TenantId& tenant) const;

  /// Closes the bank's copies and removes the file at `unix_path`, also when nothing is held, so
  /// that it finishes what an earlier run began. Copies that an instance still has go on
  /// accepting: reclaim the tenant first.
  Status release(const TenantId& tenant, const std::string& unix_path);

  /// Tenants held, in order of their names.
  std::vector<TenantId> tenants() const;

 private:
  struct Pair {
    UniqueFd unix_listener;
    UniqueFd tcp_listener;
  };

  ListenerFactory& factory_;
  FileSystem& files_;
  std::map<TenantId, Pair> held_;
};

}  // namespace voicectl
