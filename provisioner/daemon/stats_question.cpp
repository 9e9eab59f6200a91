// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/stats_question.h"

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "runtime/control/protocol.h"

namespace voicectl {
namespace {

/// A question under way. Lives as long as somebody waits for an answer.
class StatsQuestion : public std::enable_shared_from_this<StatsQuestion> {
 public:
  StatsQuestion(Reactor& reactor,
                InstanceManager& instances,
                const InstanceView& instance,
                StatsDepth depth,
                Duration within,
                Completion<InstanceStats> done)
      : reactor_(reactor),
        instances_(instances),
        instance_(instance.instance),
        depth_(depth),
        end_(reactor.now() + within),
        own_(instance.tenants),
        pages_([this](const TenantId& tenant) { return has(tenant); }, own_.size()),
        done_(std::move(done)) {}

  void ask() {
    Json question = Json::object();
    if (depth_ == StatsDepth::kSample) {
      question["sample"] = true;
    }
    if (!pages_.next().empty()) {
      question["after"] = pages_.next();
    }
    instances_.request(
        instance_, control::request::kStats, dump_json(question), end_ - reactor_.now(),
        [self = shared_from_this()](const Result<std::string>& page) { self->take(page); });
  }

 private:
  void take(const Result<std::string>& page) {
    is_looked_up_ = false;
    if (page.has_error()) {
      done_(page.error());
    } else if (const Status taken = pages_.take(*page); taken.has_error()) {
      done_(taken.error().with_context("asking instance '" + instance_.str() + "'"));
    } else if (pages_.next().empty()) {
      done_(pages_.finish());
    } else if (reactor_.now() >= end_) {
      done_(Error(ErrorCode::kTimeout, "cannot wait longer for the pages of 'stats'"));
    } else {
      ask();
    }
  }

  /// One that was given to it since it was asked is its own too. That is looked up once for each
  /// page, however many strangers stand there.
  bool has(const TenantId& tenant) {
    if (!own_.contains(tenant) && !is_looked_up_) {
      is_looked_up_ = true;
      for (const InstanceView& view : instances_.observe()) {
        if (view.instance == instance_) {
          own_ = view.tenants;
        }
      }
    }
    return own_.contains(tenant);
  }

  Reactor& reactor_;
  InstanceManager& instances_;
  InstanceId instance_;
  StatsDepth depth_;
  MonoTime end_;
  LentTenants own_;
  bool is_looked_up_ = false;
  StatsPages pages_;
  Completion<InstanceStats> done_;
};

}  // namespace

void ask_stats(Reactor& reactor,
               InstanceManager& instances,
               const InstanceView& instance,
               StatsDepth depth,
               Duration within,
               Completion<InstanceStats> done) {
  std::make_shared<StatsQuestion>(reactor, instances, instance, depth, within, std::move(done))
      ->ask();
}

}  // namespace voicectl
