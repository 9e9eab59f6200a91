// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/recovery.h"

namespace voicectl::runtime {
namespace {

/// Until the holder has read some of what waits for it.
constexpr Duration kAgainWait = std::chrono::milliseconds(5);

}  // namespace

Recovery::Recovery(Reactor& reactor, std::unique_ptr<FdChannel> channel, std::string layout)
    : reactor_(reactor) {
  parking::GiftReader::Handlers handlers;
  handlers.on_batch = [this](std::uint64_t number,
                             std::vector<parking::ParkedConnection> connections) {
    waiting_.emplace_back(number, std::move(connections));
    take_waiting();
  };
  handlers.on_end = [this] {
    is_over_ = true;
    finish_if_over();
  };
  reader_.emplace(std::move(channel), std::move(layout), std::move(handlers));
  set_timer(kOfferLimit, &Recovery::stop);
}

Recovery::~Recovery() {
  stop();
}

void Recovery::serve(TenantHost& host, std::function<void(const RecoveredCount&)> done) {
  host_ = &host;
  done_ = std::move(done);
  set_timer(kLimit, &Recovery::finish);
  take_waiting();
  finish_if_over();
}

void Recovery::stop() {
  reader_.reset();
  waiting_.clear();
  is_over_ = true;
  if (again_) {
    reactor_.cancel(*std::exchange(again_, std::nullopt));
  }
  finish();
}

void Recovery::take_waiting() {
  while (host_ != nullptr && reader_ && !waiting_.empty() && !again_) {
    // Before any of them is touched, so that none is served and still another's.
    const Status ours = reader_->took(waiting_.front().first);
    if (ours.has_value()) {
      count_ += host_->recover(std::move(waiting_.front().second));
    } else if (ours.error().code() == ErrorCode::kResourceExhausted) {
      again_ = reactor_.call_after(kAgainWait, [this] {
        again_.reset();
        take_waiting();
        finish_if_over();
      });
      return;
    }
    // Else they are somebody else's by now, or will be closed with their holder.
    waiting_.pop_front();
  }
}

void Recovery::finish_if_over() {
  if (!is_over_ || !waiting_.empty()) {
    return;
  }
  reader_.reset();
  if (host_ != nullptr) {
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

void Recovery::set_timer(Duration wait, void (Recovery::*then)()) {
  if (limit_) {
    reactor_.cancel(*limit_);
  }
  limit_ = reactor_.call_after(wait, [this, then] {
    limit_.reset();
    (this->*then)();
  });
}

}  // namespace voicectl::runtime
