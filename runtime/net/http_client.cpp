// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/ip_address.h"
#include "base/os/work_account.h"
#include "runtime/net/curl_transfer.h"
#include "runtime/net/http_call_text.h"
#include "runtime/net/plain_http.h"

namespace voicectl {
namespace {

/// Idle connections kept for the next call.
constexpr long kPooledConnections = 64;

using Descriptor =
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

/// A socket of libcurl that the loop watches. libcurl owns the descriptor.
struct WatchedSocket {
  WatchedSocket(boost::asio::io_context& context, curl_socket_t socket) : descriptor(context) {
    boost::system::error_code ignored;  // unwatched, the transfer ends by its timeout
    descriptor.assign(socket, ignored);
  }
  ~WatchedSocket() {
    if (descriptor.is_open()) {
      (void)descriptor.release();  // leaves epoll; libcurl closes it
    }
  }
  WatchedSocket(const WatchedSocket&) = delete;
  WatchedSocket& operator=(const WatchedSocket&) = delete;

  Descriptor descriptor;
  bool wants_read = false;
  bool wants_write = false;
  bool waits_read = false;
  bool waits_write = false;
};

}  // namespace

struct HttpClient::Inner : std::enable_shared_from_this<HttpClient::Inner> {
  explicit Inner(AsioReactor& loop) : reactor(loop), plain(loop) {}

  /// Has libcurl ready, which is loaded when it is first needed.
  Status prepare_curl() {
    if (multi == nullptr) {
      VC_TRY(curl, curl_library());
      multi = curl->multi_init();
      if (multi == nullptr) {
        return Error(ErrorCode::kResourceExhausted, "cannot send a request: out of memory");
      }
      curl->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Inner::on_socket);
      curl->multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
      curl->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Inner::on_timer);
      curl->multi_setopt(multi, CURLMOPT_TIMERDATA, this);
      curl->multi_setopt(multi, CURLMOPT_MAXCONNECTS, kPooledConnections);
    }
    return ok_status();
  }

  /// Takes everything back from libcurl; no completion runs afterwards.
  void stop() {
    is_stopped = true;
    if (timer) {
      reactor.cancel(*timer);
      timer.reset();
    }
    for (const auto& [handle, transfer] : transfers) {
      curl->multi_remove_handle(multi, handle);
    }
    transfers.clear();
    if (multi != nullptr) {
      curl->multi_cleanup(multi);
    }
    sockets.clear();
  }

  static int on_socket(CURL*, curl_socket_t socket, int what, void* user, void*) {
    static_cast<Inner*>(user)->watch(socket, what);
    return 0;
  }

  static int on_timer(CURLM*, long milliseconds, void* user) {
    static_cast<Inner*>(user)->set_timer(milliseconds);
    return 0;
  }

  void set_timer(long milliseconds) {
    if (timer) {
      reactor.cancel(*timer);
      timer.reset();
    }
    if (milliseconds < 0 || is_stopped) {
      return;
    }
    const WorkScope nobody(nullptr);  // libcurl does then what is due for any of them
    timer =
        reactor.call_after(std::chrono::milliseconds(milliseconds), [self = shared_from_this()] {
          self->timer.reset();
          self->drive(CURL_SOCKET_TIMEOUT, 0);
        });
  }

  void watch(curl_socket_t socket, int what) {
    if (what == CURL_POLL_REMOVE) {
      // Now, not later: libcurl closes the descriptor next, and its number may be used again.
      sockets.erase(socket);
      return;
    }
    if (is_stopped) {
      return;
    }
    auto& watched = sockets[socket];
    if (!watched) {
      watched = std::make_shared<WatchedSocket>(reactor.context(), socket);
    }
    watched->wants_read = (what & CURL_POLL_IN) != 0;
    watched->wants_write = (what & CURL_POLL_OUT) != 0;
    wait(socket, watched);
  }

  void wait(curl_socket_t socket, const std::shared_ptr<WatchedSocket>& watched) {
    if (!watched->descriptor.is_open()) {
      return;
    }
    if (watched->wants_read && !watched->waits_read) {
      watched->waits_read = true;
      wait_for(Descriptor::wait_read, socket, watched);
    }
    if (watched->wants_write && !watched->waits_write) {
      watched->waits_write = true;
      wait_for(Descriptor::wait_write, socket, watched);
    }
  }

  void wait_for(Descriptor::wait_type kind,
                curl_socket_t socket,
                const std::shared_ptr<WatchedSocket>& watched) {
    watched->descriptor.async_wait(
        kind, [self = shared_from_this(), kind, socket,
               weak = std::weak_ptr(watched)](boost::system::error_code error) {
          const auto ready = weak.lock();
          if (!error && ready && !self->is_stopped) {
            self->on_ready(kind, socket, ready);
          }
        });
  }

  void on_ready(Descriptor::wait_type kind,
                curl_socket_t socket,
                const std::shared_ptr<WatchedSocket>& watched) {
    const bool is_read = kind == Descriptor::wait_read;
    (is_read ? watched->waits_read : watched->waits_write) = false;
    if (is_read ? watched->wants_read : watched->wants_write) {
      drive(socket, is_read ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
    }
    const auto found = sockets.find(socket);
    if (!is_stopped && found != sockets.end() && found->second == watched) {
      wait(socket, watched);
    }
  }

  void drive(curl_socket_t socket, int events) {
    int running = 0;
    curl->multi_socket_action(multi, socket, events, &running);
    int left = 0;
    while (const CURLMsg* const message =
               is_stopped ? nullptr : curl->multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) {
        complete(message->easy_handle, message->data.result);
      }
    }
  }

  void complete(CURL* handle, CURLcode code) {
    const auto found = transfers.find(handle);
    const std::unique_ptr<CurlTransfer> transfer = std::move(found->second);
    transfers.erase(found);
    curl->multi_remove_handle(multi, handle);
    transfer->take_done()(transfer->outcome(code));
  }

  void fail(const Error& error, Completion<HttpResponse> done) {
    reactor.post([self = shared_from_this(), done = std::move(done), error] {
      if (!self->is_stopped) {
        done(error);
      }
    });
  }

  void send(HttpCall call, Completion<HttpResponse> done) {
    if (const Status checked = check_call(call); checked.has_error()) {
      fail(checked.error(), std::move(done));
      return;
    }
    if (auto target = plain_target_of(call)) {
      const auto address = IpAddress::parse(target->address);
      if (call.addresses && (!address || !call.addresses->allows(*address))) {
        fail(call_forbidden(call, target->address), std::move(done));
        return;
      }
      plain.send(std::move(*target), std::move(call), std::move(done));
      return;
    }
    if (const Status ready = prepare_curl(); ready.has_error()) {
      fail(ready.error(), std::move(done));
      return;
    }
    done = for_present_account(std::move(done));
    auto made = CurlTransfer::make(*curl, std::move(call), done);
    if (made.has_error()) {
      fail(made.error(), std::move(done));
      return;
    }
    CURL* const handle = (*made)->handle();
    transfers.emplace(handle, std::move(*made));
    // Only sets the timer: everything else happens in a later turn.
    if (curl->multi_add_handle(multi, handle) != CURLM_OK) {
      transfers.erase(handle);
      fail(Error(ErrorCode::kResourceExhausted, "cannot send a request: out of memory"),
           std::move(done));
    }
  }

  AsioReactor& reactor;
  PlainHttp plain;
  std::string connect_to;
  const CurlLibrary* curl = nullptr;
  CURLM* multi = nullptr;
  bool is_stopped = false;
  std::optional<TimerId> timer;
  std::unordered_map<curl_socket_t, std::shared_ptr<WatchedSocket>> sockets;
  std::unordered_map<CURL*, std::unique_ptr<CurlTransfer>> transfers;
};

HttpClient::HttpClient(AsioReactor& reactor) : inner_(std::make_shared<Inner>(reactor)) {}

HttpClient::~HttpClient() {
  inner_->stop();
}

void HttpClient::set_connect_to(std::string address) {
  inner_->connect_to = std::move(address);
}

void HttpClient::send(HttpCall call, Completion<HttpResponse> done) {
  const bool is_named = !inner_->connect_to.empty() && !plain_target_of(call);
  if (call.connect_to.empty() && is_named) {
    call.connect_to = inner_->connect_to;
  }
  inner_->send(std::move(call), std::move(done));
}

}  // namespace voicectl
