// SPDX-License-Identifier: Apache-2.0
#include "provisioner/holder/holder_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <tuple>

#include "base/check.h"
#include "base/os/process_identity.h"
#include "provisioner/holder/protocol.h"
#include "provisioner/holder/words.h"

namespace voicectl {
namespace {

constexpr std::size_t kMaxIdentity = 4096;

/// Until the holder has read some of what waits for it.
constexpr Duration kSendWait = std::chrono::milliseconds(5);
/// Of descriptors that wait for a slow holder and that nobody else keeps open.
constexpr std::size_t kMostOwned = 1024;

std::optional<std::size_t> number_of(std::string_view text) {
  std::size_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = problem == std::errc() && end == text.data() + text.size();
  return is_whole && !text.empty() ? std::optional(number) : std::nullopt;
}

std::string message(std::string_view word, const std::string& name) {
  return fmt::format("{} {}", word, name);
}

}  // namespace

HolderStore::HolderStore(const Deps& deps, Options options)
    : deps_(deps), options_(std::move(options)) {}

HolderStore::~HolderStore() {
  cancel_timer();
}

void HolderStore::open(Handlers handlers, std::function<void(std::vector<KeptDescriptors>)> done) {
  VC_CHECK(!handlers_.on_empty, "a store is opened once");
  handlers_ = std::move(handlers);
  on_open_ = std::move(done);
  adopt_process();
  look_for_it();
}

void HolderStore::look_for_it() {
  const Status connected = connect();
  if (connected.has_value()) {
    return set_timer(options_.list_limit, &HolderStore::on_list_overdue);
  }
  const ErrorCode why = connected.error().code();
  if (why != ErrorCode::kNotFound && why != ErrorCode::kPermissionDenied &&
      silence_ < options_.list_patience) {
    // We are short of something; it may have what nobody else has.
    silence_ += options_.list_limit;
    handlers_.on_error(connected.error().with_context("looking for the holder of descriptors"));
    return set_timer(options_.list_limit, &HolderStore::look_for_it);
  }
  // The usual case: there is none yet.
  end_process();
  answer_open();
  start();
}

void HolderStore::adopt_process() {
  const Result<std::optional<std::string>> text = deps_.files.read(identity_path(), kMaxIdentity);
  const std::optional<ProcessIdentity> known =
      text.has_value() && *text ? parse_identity(**text) : std::nullopt;
  if (known &&
      deps_.processes
          .adopt(*known, guarded([this, who = *known](const ProcessExit&) { on_exit(who); }))
          .has_value()) {
    process_ = known;
  }
}

Status HolderStore::connect() {
  VC_TRY(std::unique_ptr<FdChannel> channel, deps_.channels.connect(socket_path()));
  if (channel->peer_uid() != options_.own_uid) {
    return Error(ErrorCode::kPermissionDenied, fmt::format("cannot use '{}': it belongs to user {}",
                                                           socket_path(), channel->peer_uid()));
  }
  channel_ = std::move(channel);
  channel_->start({guarded([this](const std::string& text, std::vector<UniqueFd> descriptors) {
                     take(text, std::move(descriptors));
                   }),
                   guarded([this] { lose(); })});
  return send(std::string(holder::kList), {});
}

void HolderStore::take(const std::string& text, std::vector<UniqueFd> descriptors) {
  std::string_view rest = text;
  const std::string_view word = holder::cut_word(rest);
  if (word == holder::kKept) {
    if (on_open_) {
      found_.push_back({std::string(rest), std::move(descriptors)});
      silence_ = Duration::zero();
      set_timer(options_.list_limit, &HolderStore::on_list_overdue);
    }
  } else if (word == holder::kEnd) {
    take_end(rest);
  } else if (word == holder::kRefused) {
    tell_not_kept(Error(ErrorCode::kResourceExhausted,
                        fmt::format("cannot keep a descriptor: the holder says: {}", rest)));
  }
}

void HolderStore::tell_not_kept(const Error& why) {
  handlers_.on_error(why);
  if (!std::exchange(is_putting_again_, true)) {
    deps_.reactor.call_after(backoff_without_jitter(options_.put_wait, ++refusals_),
                             guarded([this] {
                               is_putting_again_ = false;
                               handlers_.on_empty();
                             }));
  }
}

void HolderStore::take_end(std::string_view words) {
  const std::optional<std::size_t> count = number_of(holder::cut_word(words));
  const std::optional<std::size_t> version = number_of(holder::cut_word(words));
  const bool is_whole = count && (!on_open_ || *count == found_.size());
  cancel_timer();
  attempt_ = 0;
  answer_open();
  if (!is_whole || version != static_cast<std::size_t>(holder::kVersion)) {
    replace(is_whole ? "it is of another version" : "it lost something on the way");
  }
}

void HolderStore::answer_open() {
  if (!on_open_) {
    return;
  }
  // In a later turn also when nothing had to be asked.
  deps_.reactor.post(guarded([done = std::exchange(on_open_, nullptr),
                              found = std::make_shared<std::vector<KeptDescriptors>>(
                                  std::exchange(found_, {}))] { done(std::move(*found)); }));
}

void HolderStore::on_list_overdue() {
  silence_ += options_.list_limit;
  if (silence_ >= options_.list_patience) {
    return replace("it does not answer");
  }
  handlers_.on_error(
      Error(ErrorCode::kTimeout,
            "cannot learn yet what the holder of descriptors has: it does not answer; "
            "waiting, since it may have what nobody else has"));
  set_timer(options_.list_limit, &HolderStore::on_list_overdue);
}

void HolderStore::lose() {
  if (!on_open_ || silence_ >= options_.list_patience) {
    return replace("it ended");
  }
  // It lives, as far as we know, and may have what nobody else has; we may have run out of room for
  // it. What was told so far is told again. Of one whose process is not known the next connection
  // tells whether it has ended.
  silence_ += options_.list_limit;
  channel_.reset();
  found_.clear();
  handlers_.on_error(Error(ErrorCode::kUnavailable,
                           "cannot learn what the holder of descriptors has: the connection to it "
                           "broke off; trying again"));
  set_timer(process_ ? options_.list_limit : options_.wait.first, &HolderStore::look_for_it);
}

void HolderStore::replace(const std::string& why) {
  cancel_timer();
  if (!process_) {
    dismiss();
  }
  channel_.reset();
  waiting_.clear();
  if (on_clear_) {
    if (!process_) {
      finish_clear();
    } else {
      set_timer(options_.stop_limit, &HolderStore::on_stop_overdue);
    }
    return;
  }
  handlers_.on_error(Error(
      ErrorCode::kUnavailable,
      fmt::format("cannot go on with the holder of descriptors: {}; another is started", why)));
  end_process();
  answer_open();
  start_later();
}

void HolderStore::dismiss() {
  if (channel_ && channel_->send_now(holder::kStop).has_value()) {
    return;
  }
  // Only the connection may have ended: then it would keep its socket, and no other could start.
  const Result<std::unique_ptr<FdChannel>> again = deps_.channels.connect(socket_path());
  if (again.has_value() && (*again)->peer_uid() == options_.own_uid) {
    (void)(*again)->send_now(holder::kStop);
  }
}

void HolderStore::start_later() {
  set_timer(backoff_without_jitter(options_.wait, ++attempt_), &HolderStore::start);
}

void HolderStore::start() {
  Status begun = spawn();
  if (begun.has_value()) {
    begun = connect();
  }
  if (begun.has_error()) {
    handlers_.on_error(begun.error().with_context("starting the holder of descriptors"));
    end_process();
    if (begun.error().code() == ErrorCode::kAlreadyExists) {
      dismiss();  // one that could not be ended is still there
    }
    return start_later();
  }
  // The first start of all has nothing to put yet; then this puts nothing.
  deps_.reactor.post(guarded([this] {
    handlers_.on_empty();
    if (on_lanes_lost_) {
      on_lanes_lost_();
    }
  }));
}

Status HolderStore::spawn() {
  VC_TRY(const UniqueFd listener,
         deps_.listeners.bind_unix_packets(socket_path(), SocketAccess{FileMode{0600}, {}}));
  LaunchSpec spec;
  spec.argv = {options_.program, "--socket", socket_path()};
  spec.descriptors = {FdGrant{listener.get(), holder::kListenerDescriptor}};
  spec.before_run = [this](const ProcessIdentity& who) {
    return deps_.files.replace_atomically(identity_path(), render_identity(who), kPrivateFile);
  };
  const auto who = std::make_shared<ProcessIdentity>();
  VC_TRY(*who,
         deps_.processes.spawn(spec, guarded([this, who](const ProcessExit&) { on_exit(*who); })));
  process_ = *who;
  return ok_status();
}

void HolderStore::put(const std::string& name, const std::vector<int>& descriptors) {
  VC_CHECK(!descriptors.empty() && descriptors.size() <= kMaxKeptTogether &&
               name.size() <= holder::kMaxName,
           "what is kept has a name and something to keep");
  forget_waiting(name);
  const std::string text = message(holder::kPut, name);
  if (!is_sent(text, descriptors)) {
    // They stay open as long as they are put: of thousands that wait there are no duplicates.
    wait_to_send({.text = text, .descriptors = descriptors, .name = name});
  }
}

void HolderStore::drop(const std::string& name) {
  forget_waiting(name);
  std::ignore = send(message(holder::kDrop, name), {});  // without descriptors it can always wait
}

void HolderStore::forget_waiting(const std::string& name) {
  if (waiting_.empty()) {
    return;
  }
  std::erase_if(waiting_, [&](const Waiting& one) { return one.name == name; });
}

Result<UniqueFd> HolderStore::open_lane(const InstanceId& instance) {
  return send_end(message(holder::kLane, instance.str()));
}

void HolderStore::allow(const InstanceId& instance, const TenantId& tenant) {
  std::ignore = send(fmt::format("{} {} {}", holder::kAllow, instance.str(), tenant.str()), {});
}

void HolderStore::forbid(const InstanceId& instance, const TenantId& tenant) {
  std::ignore = send(fmt::format("{} {} {}", holder::kForbid, instance.str(), tenant.str()), {});
}

Result<UniqueFd> HolderStore::give(const TenantId& tenant) {
  std::size_t waiting = 0;
  for (const Waiting& one : waiting_) {
    waiting += one.owned.size();
  }
  if (waiting >= kMostOwned) {
    const Error why(ErrorCode::kResourceExhausted,
                    fmt::format("cannot ask for connections that were kept: the holder of "
                                "descriptors is slow, and {} such questions wait for it",
                                waiting));
    // Thousands may come in a row.
    if (!std::exchange(is_short_, true)) {
      handlers_.on_error(why);
    }
    return why;
  }
  return send_end(message(holder::kGive, tenant.str()));
}

Result<UniqueFd> HolderStore::send_end(const std::string& text) {
  if (!channel_) {
    return Error(ErrorCode::kUnavailable, "cannot keep connections: there is no holder now");
  }
  VC_TRY(auto ends, deps_.channels.make_pair());
  VC_TRY(send(text, {ends.second.get()}));
  return std::move(ends.first);
}

bool HolderStore::is_sent(const std::string& text, const std::vector<int>& descriptors) {
  if (!channel_) {
    return true;  // the next one is told everything
  }
  if (!waiting_.empty()) {
    return false;
  }
  // Nothing is left to the channel's own queue, which would duplicate it.
  const Status sent = channel_->send_now(text, descriptors);
  // A channel that is closed says so by itself.
  return sent.has_value() || sent.error().code() != ErrorCode::kResourceExhausted;
}

Status HolderStore::send(const std::string& text, const std::vector<int>& descriptors) {
  if (is_sent(text, descriptors)) {
    return ok_status();
  }
  Result<std::vector<UniqueFd>> owned = own(descriptors);
  if (owned.has_error()) {
    handlers_.on_error(owned.error());
    return owned.error();
  }
  Waiting waiting{.text = text, .descriptors = {}, .owned = std::move(*owned)};
  for (const UniqueFd& one : waiting.owned) {
    waiting.descriptors.push_back(one.get());
  }
  wait_to_send(std::move(waiting));
  return ok_status();
}

Result<std::vector<UniqueFd>> HolderStore::own(const std::vector<int>& descriptors) {
  std::vector<UniqueFd> owned;
  for (const int descriptor : descriptors) {
    UniqueFd borrowed = UniqueFd::foreign(descriptor);
    owned.push_back(borrowed.duplicate());
    std::ignore = borrowed.release();
    if (!owned.back().is_open()) {
      return Error(ErrorCode::kResourceExhausted,
                   "cannot wait for the holder of descriptors: no descriptor is left");
    }
  }
  return owned;
}

void HolderStore::wait_to_send(Waiting waiting) {
  waiting_.push_back(std::move(waiting));
  send_waiting();
}

void HolderStore::send_waiting() {
  while (channel_ && !waiting_.empty()) {
    const Waiting& next = waiting_.front();
    const Status sent = channel_->send_now(next.text, next.descriptors);
    if (sent.has_error() && sent.error().code() == ErrorCode::kResourceExhausted) {
      break;
    }
    if (sent.has_error() && sent.error().code() != ErrorCode::kUnavailable) {
      // What can never be sent must not hold up the rest.
      tell_not_kept(sent.error());
    }
    waiting_.pop_front();
  }
  is_short_ = is_short_ && !waiting_.empty();
  if (channel_ && !waiting_.empty() && !is_sending_later_) {
    is_sending_later_ = true;
    deps_.reactor.call_after(kSendWait, guarded([this] {
                               is_sending_later_ = false;
                               send_waiting();
                             }));
  }
}

void HolderStore::end_process() {
  if (process_) {
    // Gone already is the usual case; what it kept, the owner has or puts again.
    (void)deps_.processes.signal_group(*std::exchange(process_, std::nullopt), SIGKILL);
  }
}

void HolderStore::on_exit(const ProcessIdentity& who) {
  if (process_ != who) {
    return;
  }
  process_.reset();
  if (on_clear_) {
    finish_clear();
  } else if (on_open_ && !channel_) {
    cancel_timer();
    look_for_it();
  }
}

void HolderStore::clear(std::function<void()> done) {
  on_clear_ = std::move(done);
  cancel_timer();
  waiting_.clear();
  if (channel_) {
    std::ignore = send(std::string(holder::kStop), {});
    set_timer(options_.stop_limit, &HolderStore::on_stop_overdue);
  } else {
    on_stop_overdue();
  }
}

void HolderStore::on_stop_overdue() {
  end_process();
  finish_clear();
}

void HolderStore::finish_clear() {
  cancel_timer();
  channel_.reset();
  for (const std::string& path : {socket_path(), identity_path()}) {
    if (const Status removed = deps_.files.remove(path); removed.has_error()) {
      handlers_.on_error(removed.error());
    }
  }
  deps_.reactor.post(std::exchange(on_clear_, nullptr));
}

void HolderStore::set_timer(Duration wait, void (HolderStore::*then)()) {
  cancel_timer();
  timer_ = deps_.reactor.call_after(wait, [this, then] {
    timer_.reset();
    (this->*then)();
  });
}

void HolderStore::cancel_timer() {
  if (timer_) {
    deps_.reactor.cancel(*std::exchange(timer_, std::nullopt));
  }
}

}  // namespace voicectl
