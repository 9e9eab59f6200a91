// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/outbox_gathering.h"

#include <fmt/core.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "provisioner/daemon/instance_reply.h"

namespace voicectl {
namespace {

/// Lives until it has answered.
class Gathering : public std::enable_shared_from_this<Gathering> {
 public:
  Gathering(std::vector<OutboxAsked> tenants,
            std::size_t limit,
            AskForOutbox ask,
            std::function<void(const Json&)> done)
      : tenants_(std::move(tenants)), limit_(limit), ask_(std::move(ask)), done_(std::move(done)) {}
  void go_on();

 private:
  void take(const OutboxAsked& asked, const Result<std::string>& reply);

  std::vector<OutboxAsked> tenants_;
  std::size_t limit_;
  AskForOutbox ask_;
  std::function<void(const Json&)> done_;
  std::size_t next_ = 0;
  std::size_t open_ = 0;
  Json entries_ = Json::array();
  std::vector<std::string> problems_;
};

void Gathering::go_on() {
  while (open_ < kOutboxesAtOnce && next_ < tenants_.size() &&
         entries_.size() < kMostOutboxEntries) {
    const OutboxAsked& asked = tenants_[next_++];
    ++open_;
    ask_(asked, [self = shared_from_this(), asked](const Result<std::string>& reply) {
      self->take(asked, reply);
      --self->open_;
      self->go_on();
    });
  }
  if (open_ > 0 || !done_) {
    return;
  }
  if (next_ < tenants_.size()) {
    problems_.push_back(
        fmt::format("cannot show the entries of {} more tenants: {} are shown; name a tenant",
                    tenants_.size() - next_, entries_.size()));
  }
  std::exchange(done_, nullptr)({{"entries", std::move(entries_)}, {"problems", problems_}});
}

void Gathering::take(const OutboxAsked& asked, const Result<std::string>& reply) {
  Result<Json> body = read_reply(asked.instance, reply);
  if (body.has_error()) {
    problems_.push_back(body.error().text());
    return;
  }
  const auto list = body->find("entries");
  if (list == body->end() || !list->is_array()) {
    problems_.push_back(
        fmt::format("cannot read the answer of instance '{}': it has no list of entries",
                    asked.instance.str()));
    return;
  }
  std::size_t taken = 0;
  for (Json& entry : *list) {
    if (entry.is_object() && taken < limit_) {
      entry["tenant"] = asked.tenant.str();
      entries_.push_back(std::move(entry));
      ++taken;
    }
  }
}

}  // namespace

void gather_outboxes(std::vector<OutboxAsked> tenants,
                     std::size_t limit,
                     AskForOutbox ask,
                     std::function<void(const Json&)> done) {
  std::make_shared<Gathering>(std::move(tenants), limit, std::move(ask), std::move(done))->go_on();
}

}  // namespace voicectl
