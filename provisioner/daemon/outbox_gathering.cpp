// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/outbox_gathering.h"

#include <fmt/core.h>

#include <utility>

#include "provisioner/daemon/instance_reply.h"

namespace voicectl {

OutboxGathering::OutboxGathering(std::vector<Asked> tenants,
                                 std::size_t limit,
                                 Ask ask,
                                 std::function<void(const Json&)> done)
    : tenants_(std::move(tenants)), limit_(limit), ask_(std::move(ask)), done_(std::move(done)) {}

void OutboxGathering::begin(std::vector<Asked> tenants,
                            std::size_t limit,
                            Ask ask,
                            std::function<void(const Json&)> done) {
  std::shared_ptr<OutboxGathering>(
      new OutboxGathering(std::move(tenants), limit, std::move(ask), std::move(done)))
      ->go_on();
}

void OutboxGathering::go_on() {
  while (open_ < kAskedAtOnce && next_ < tenants_.size() && entries_.size() < kMostEntries) {
    const Asked& asked = tenants_[next_++];
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

void OutboxGathering::take(const Asked& asked, const Result<std::string>& reply) {
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

}  // namespace voicectl
