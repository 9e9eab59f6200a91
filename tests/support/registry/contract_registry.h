// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "provisioner/registry/registry.h"

namespace voicectl {

/// A registry under test that can be closed and opened again, with what it stored kept.
class RegistryHost {
 public:
  virtual ~RegistryHost() = default;
  /// A new opening; those before it are fenced by it even if they still live.
  virtual std::unique_ptr<Registry> open() = 0;
  /// Subjects of the journal's closed entries, oldest first: nobody reads them but people.
  virtual std::vector<std::string> closed_subjects() = 0;
};

using MakeRegistryHost = std::function<std::unique_ptr<RegistryHost>()>;

/// What every registry promises: run for the fake and for the real one.
class RegistryContract : public ::testing::TestWithParam<MakeRegistryHost> {
 protected:
  void SetUp() override {
    host_ = GetParam()();
    registry_ = host_->open();
  }
  /// As after a restart of the daemon.
  void reopen() {
    registry_.reset();
    registry_ = host_->open();
  }
  /// Journals one action and records `change` as what came of it.
  Result<Generation> record(RecordedChange change);

  std::unique_ptr<RegistryHost> host_;
  std::unique_ptr<Registry> registry_;
};

/// Values for tests: a tenant with every field set, and so on.
RecordedTenant a_recorded_tenant(std::string_view slug);
RecordedInstance a_recorded_instance(std::string_view name);
JournalEntry an_intent(std::string_view key);
EventRecord an_event(std::string_view name);

}  // namespace voicectl
