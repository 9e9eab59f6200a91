// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/recovery.h"

namespace voicectl::runtime {

Recovery::Recovery(Reactor& reactor, std::unique_ptr<FdChannel> channel, std::string layout)
    : reactor_(reactor),
      reader_(std::move(channel),
              std::move(layout),
              {[this](std::uint64_t number, std::vector<parking::ParkedConnection> connections) {
                 take({number, std::move(connections)});
               },
               [this] {
                 is_over_ = true;
                 finish_if_over();
               }}) {}

Recovery::~Recovery() {
  if (limit_) {
    reactor_.cancel(*limit_);
  }
}

void Recovery::serve(TenantHost& host, std::function<void(const RecoveredCount&)> done) {
  host_ = &host;
  done_ = std::move(done);
  limit_ = reactor_.call_after(kLimit, [this] {
    limit_.reset();
    finish();
  });
  for (Batch& batch : std::exchange(waiting_, {})) {
    take(std::move(batch));
  }
  finish_if_over();
}

void Recovery::take(Batch batch) {
  if (host_ == nullptr) {
    waiting_.push_back(std::move(batch));
    return;
  }
  count_ += host_->recover(std::move(batch.second));
  // In the turn in which they begin, so that none of them is served and still another's.
  reader_.took(batch.first);
}

void Recovery::finish_if_over() {
  if (is_over_ && host_ != nullptr) {
    finish();
  }
}

void Recovery::finish() {
  if (limit_) {
    reactor_.cancel(*std::exchange(limit_, std::nullopt));
  }
  if (const auto done = std::exchange(done_, nullptr)) {
    done(count_);
  }
}

}  // namespace voicectl::runtime
