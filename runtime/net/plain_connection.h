// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/os/asio_reactor.h"
#include "base/os/work_account.h"
#include "base/result.h"
#include "runtime/net/plain_http.h"
#include "runtime/net/response_reader.h"
#include "runtime/net/wire.h"

namespace voicectl {

/// A call on its way.
struct PlainCall {
  PlainTarget target;
  /// Without its body, which is in `request`.
  HttpCall call;
  std::string request;
  MonoTime deadline;
  Completion<HttpResponse> done;
  /// Whether it was sent over a kept connection before, in vain.
  bool was_sent = false;
  /// Who made it: the connections are everybody's.
  WorkAccountPtr account{present_account()};
};

/// One connection of a PlainHttp, carrying one call at a time.
///
/// THREADS: loop thread only.
class PlainConnection final : public std::enable_shared_from_this<PlainConnection>,
                              private WireOwner {
 public:
  /// Who keeps the connections.
  class Pool {
   public:
    /// Sends a call over any connection.
    virtual void carry(PlainCall call) = 0;
    /// The connection waits for its next call.
    virtual void keep(const std::shared_ptr<PlainConnection>& connection,
                      const std::string& authority) = 0;
    /// The connection is of no more use.
    virtual void forget(const std::shared_ptr<PlainConnection>& connection) = 0;

   protected:
    ~Pool() = default;
  };

  PlainConnection(AsioReactor& reactor, std::weak_ptr<Pool> pool);
  ~PlainConnection();

  /// Connects, then carries `call`.
  void connect(PlainCall call);
  /// Carries `call` over the open connection. REQUIRES: it carries none.
  void ask(PlainCall call);
  /// Drops what it carries and hangs up. No completion runs.
  void close();
  /// When its last call was over.
  MonoTime idle_since() const { return idle_since_; }

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_written() override {}

  void on_connected(boost::system::error_code error);
  void begin(PlainCall call);
  /// The connection ended while it carried a call.
  void lose(const std::string& why);
  void succeed();
  void fail(ErrorCode code, const std::string& reason);
  /// Takes the call off the connection.
  PlainCall take_call();

  AsioReactor& reactor_;
  std::weak_ptr<Pool> pool_;
  boost::asio::ip::tcp::socket socket_;
  std::shared_ptr<Wire> wire_;
  std::optional<PlainCall> call_;
  std::optional<ResponseReader> reader_;
  std::optional<TimerId> timer_;
  /// Whether the connection carried a call before this one.
  bool is_used_ = false;
  MonoTime idle_since_{};
};

}  // namespace voicectl
