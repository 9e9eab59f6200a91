// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/os/descriptor_store.h"
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
  /// Another number each time one of them was bound anew; never 0.
  std::uint64_t binding = 0;
};

/// Where a tenant's two listeners are bound, as ListenerFactory::describe says.
struct ListenerPlaces {
  std::string unix_listener;
  std::string tcp_listener;
  friend bool operator==(const ListenerPlaces&, const ListenerPlaces&) = default;
};
ListenerPlaces places_of_listeners(const std::string& unix_path, Port port);

/// Keeps every tenant's two listening sockets for the tenant's whole life, whichever instance
/// accepts on them: connections that come while none does wait in the kernel. A second copy is in a
/// store outside of this process, so that they wait also while no process of ours lives.
///
/// THREADS: loop thread only.
class ListenerBank {
 public:
  /// OWNS nothing: all must outlive the bank.
  ListenerBank(ListenerFactory& factory, FileSystem& files, DescriptorStore& store)
      : factory_(factory), files_(files), store_(store) {}

  /// Whether a tenant is to have listeners at those places.
  using IsWanted = std::function<bool(const TenantId&, const ListenerPlaces&)>;
  /// Takes over what an earlier run left in the store; what is not wanted is closed there too.
  /// Returns how many tenants' it took.
  std::size_t take_back(std::vector<KeptDescriptors> kept, const IsWanted& is_wanted);
  /// Puts everything into the store again, which has lost it.
  void keep_all();

  /// Binds both sockets of `tenant`, or neither; from then on the store has them too. Holding them
  /// already is success.
  /// ERRORS: kAlreadyExists if somebody else listens there; kConflict if the bank holds the tenant
  /// on another port; those of ListenerFactory.
  Status bind(const TenantId& tenant,
              const std::string& unix_path,
              const SocketAccess& access,
              Port port);

  /// Binds the unix socket of a held tenant anew, whose file is gone or somebody else's; the file
  /// goes. Who waits in the queue of the old one is told that nobody comes.
  /// ERRORS: kNotFound if the tenant is not held; those of ListenerFactory.
  Status rebind(const TenantId& tenant, const std::string& unix_path, const SocketAccess& access);

  /// Keeps sockets that came back from an instance. If the tenant is held already, the given ones
  /// are closed: they are the same sockets, or nobody comes to them any more.
  ///
  /// Returns the binding that they are; 0 for others than are held.
  std::uint64_t take_over(const TenantId& tenant, UniqueFd unix_listener, UniqueFd tcp_listener);

  bool holds(const TenantId& tenant) const;

  /// Numbers to lend; nullopt if the tenant is not held.
  std::optional<ListenerDescriptors> descriptors(const TenantId& tenant) const;

  /// The binding that was made last; 0 before the first.
  std::uint64_t latest_binding() const { return last_binding_; }

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
    std::uint64_t binding = 0;
  };

  void keep(const TenantId& tenant, const Pair& pair);

  ListenerFactory& factory_;
  FileSystem& files_;
  DescriptorStore& store_;
  std::map<TenantId, Pair> held_;
  std::uint64_t last_binding_ = 0;
};

}  // namespace voicectl
