// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/retention.h"

#include <utility>

namespace voicectl::runtime {

Retention::Retention(Deps deps)
    : deps_(std::move(deps)), self_(std::make_shared<Retention*>(this)) {
  look_after(kInterval);
}

Retention::~Retention() {
  deps_.reactor.cancel(timer_);
}

void Retention::look_after(Duration wait) {
  timer_ = deps_.reactor.call_after(wait, [this] { look(); });
}

void Retention::look() {
  if (deps_.book.broken()) {
    look_after(kInterval);
    return;
  }
  const WallTime now = deps_.clock.now();
  const RetentionPeriods kept = deps_.periods();
  const ExpiryQuery query{now - kept.sessions, now - kept.events, now - kept.webhooks, kBatch};
  deps_.store.find_expired(query,
                           [this, alive = std::weak_ptr(self_)](const Result<Expired>& found) {
                             if (!alive.expired()) {
                               take_away(found);
                             }
                           });
}

void Retention::take_away(const Result<Expired>& found) {
  // A store that fails is told of by those who need it at once.
  if (found.has_error() || found->empty() || deps_.book.broken()) {
    look_after(kInterval);
    return;
  }
  Change change;
  change.expired = *found;
  deps_.book.commit(std::move(change), [this, alive = std::weak_ptr(self_)](const Status& outcome) {
    if (!alive.expired()) {
      look_after(outcome.has_error() ? kInterval : kPause);
    }
  });
}

}  // namespace voicectl::runtime
