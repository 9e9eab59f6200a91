// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/os/reactor.h"

namespace voicectl {

/// Asks the instances of tenants what those still owe to other systems, a few at a time: an answer
/// may be as long as a message may be, and there may be thousands.
///
/// An instance may be broken: it has no say in how many entries are taken, or whose they are.
/// THREADS: loop thread only. Lives until it has answered.
class OutboxGathering : public std::enable_shared_from_this<OutboxGathering> {
 public:
  struct Asked {
    TenantId tenant;
    InstanceId instance;
  };
  using Ask = std::function<void(const Asked&, Completion<std::string>)>;
  static constexpr std::size_t kAskedAtOnce = 16;
  /// Entries of all tenants together; those that are not asked for it are told as a problem.
  static constexpr std::size_t kMostEntries = 10'000;

  /// `limit`: most entries of each tenant. `done` gets `{"entries": [...], "problems": [...]}`,
  /// once.
  static void begin(std::vector<Asked> tenants,
                    std::size_t limit,
                    Ask ask,
                    std::function<void(const Json&)> done);

 private:
  OutboxGathering(std::vector<Asked> tenants,
                  std::size_t limit,
                  Ask ask,
                  std::function<void(const Json&)> done);
  void go_on();
  void take(const Asked& asked, const Result<std::string>& reply);

  std::vector<Asked> tenants_;
  std::size_t limit_;
  Ask ask_;
  std::function<void(const Json&)> done_;
  std::size_t next_ = 0;
  std::size_t open_ = 0;
  Json entries_ = Json::array();
  std::vector<std::string> problems_;
};

}  // namespace voicectl
