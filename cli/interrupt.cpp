// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <atomic>
#include <optional>
#include <utility>

namespace voicectl {
namespace {

/// A signal handler has no other way to know.
std::atomic<Moment> g_moment = Moment::kLooking;
static_assert(std::atomic<Moment>::is_always_lock_free, "a signal handler reads it");

class ClientWithMoments final : public DaemonClient {
 public:
  explicit ClientWithMoments(std::unique_ptr<DaemonClient> client) : client_(std::move(client)) {}

  Result<Json> call(std::string_view method,
                    std::string_view target,
                    const std::string& body) override {
    std::optional<MomentScope> scope;
    enter_change(scope, method, target, body);
    return client_->call(method, target, body);
  }

  Status stream(std::string_view method,
                std::string_view target,
                const std::string& body,
                const OnLine& on_line) override {
    std::optional<MomentScope> scope;
    enter_change(scope, method, target, body);
    return client_->stream(method, target, body, on_line);
  }

 private:
  /// Else it stays what it is: the lock is renewed during a question.
  static void enter_change(std::optional<MomentScope>& scope,
                           std::string_view method,
                           std::string_view target,
                           const std::string& body) {
    if (is_change(method, target, body)) {
      scope.emplace(Moment::kChanging);
    }
  }

  std::unique_ptr<DaemonClient> client_;
};

}  // namespace

MomentScope::MomentScope(Moment moment) : before_(g_moment.exchange(moment)) {}

MomentScope::~MomentScope() {
  g_moment.store(before_);
}

std::string_view words_of_interrupt() {
  switch (g_moment.load()) {
    case Moment::kLooking:
      return "interrupted";
    case Moment::kAsking:
      return "interrupted; nothing was changed";
    case Moment::kChanging:
      return "interrupted; what was asked of the daemon goes on";
  }
  return "interrupted";
}

bool is_change(std::string_view method, std::string_view target, std::string_view body) {
  // The lock of whoever is gone ends by itself.
  const bool is_lock = target.starts_with("/v1/lock") && target != "/v1/lock/steal";
  const bool only_shows = method == "GET" || target == "/v1/plan" || target.ends_with("/preview") ||
                          body.find(R"("dry_run":true)") != std::string_view::npos;
  return !is_lock && !only_shows;
}

std::unique_ptr<DaemonClient> with_moments(std::unique_ptr<DaemonClient> client) {
  return std::make_unique<ClientWithMoments>(std::move(client));
}

}  // namespace voicectl
