// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/descriptor_store.h"
#include "base/os/reactor.h"
#include "base/os/service_notify.h"

namespace voicectl {

/// systemd's FD store of our unit (FileDescriptorStoreMax).
///
/// It keeps single descriptors, several of one name, in no order, and says nothing of those for
/// which it has no room. So each is kept under a name of its own that says which one of how many it
/// is: "tenant/acme.1.2" is the first of two.
class ServiceDescriptorStore final : public DescriptorStore {
 public:
  struct Service {
    std::function<bool(std::string_view message, const std::vector<int>& descriptors)> notify =
        notify_service_manager;
    /// What it gave us at our start.
    std::vector<ServiceDescriptor> given;
    /// nullopt if nobody knows.
    std::optional<std::size_t> room;
  };

  ServiceDescriptorStore(Reactor& reactor, Service service)
      : reactor_(reactor), service_(std::move(service)) {}

  void open(Handlers handlers, std::function<void(std::vector<KeptDescriptors>)> done) override;
  void put(const std::string& name, const std::vector<int>& descriptors) override;
  void drop(const std::string& name) override;
  void clear(std::function<void()> done) override;

 private:
  void let_go(const std::string& name);
  void remove(const std::string& name, std::size_t count);
  bool tell(std::string_view message, const std::vector<int>& descriptors);
  /// Has everything put again after a while.
  void put_again_later();
  std::size_t kept() const;

  Reactor& reactor_;
  Service service_;
  Handlers handlers_;
  /// How many descriptors each name has there.
  std::map<std::string, std::size_t> counts_;
  bool has_failed_ = false;
  /// Something was not kept for lack of room.
  bool lacks_room_ = false;
  bool is_putting_again_ = false;
  int refusals_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl
