// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "runtime/net/connection.h"
#include "runtime/net/http_server.h"
#include "runtime/net/websocket_codec.h"
#include "runtime/net/wire.h"

namespace voicectl {

/// Where a WebSocket begins: after a handshake, or where another process left it.
struct WebSocketStart {
  WebSocketRole role = WebSocketRole::kServer;
  /// Masks of a client; null for a server.
  Random* random = nullptr;
  std::shared_ptr<Wire> wire;
  WebSocketCodecState codec;
  std::string tag;
  bool close_sent = false;
  std::uint16_t sent_code = close_code::kBroken;
  std::uint8_t unanswered_pings = 0;
  std::uint16_t control_frames = 0;
  MonoTime counted_since{};
  std::optional<MonoTime> deadline = std::nullopt;
};

/// A WebSocket over a Wire: codec, pings, the closing handshake.
class WebSocketConnection final : public WebSocket,
                                  public Connection,
                                  public std::enable_shared_from_this<WebSocketConnection>,
                                  private WireOwner {
 public:
  WebSocketConnection(std::shared_ptr<ConnectionHost> host, WebSocketStart start);
  ~WebSocketConnection() override;

  void set_handlers(Handlers handlers) override;
  void send_text(std::string_view text) override;
  void close(std::uint16_t code, std::string_view reason) override;
  bool is_open() const override { return phase_ == Phase::kOpen; }
  std::size_t unsent() const override { return wire_ ? wire_->unsent_size() : 0; }
  void on_drained(std::function<void()> task) override;
  void note_changed() override { note_change(); }

  bool is_websocket() const override { return true; }
  bool is_movable() const override { return is_live(); }
  ConnectionState state() const override;
  int lend() override { return wire_->lend(); }
  bool is_in_pieces() const override { return false; }
  void stay() override {}
  UniqueFd let_go() override;
  void drain(std::uint16_t code, std::string_view reason) override { close(code, reason); }
  void abandon() override;
  void go() override { pump(); }
  std::size_t buffered() const override {
    return codec_.unread().size() + codec_.fragments().size() + (wire_ ? wire_->unsent_size() : 0);
  }
  void on_deadline(Lane lane) override;
  void keep_at(parking::ParkingSpace space) override;
  std::optional<parking::ParkingGate::Request> to_keep() const override;

 private:
  enum class Phase {
    kOpen,
    kClosing,    ///< our close frame is sent, the peer's is awaited
    kFinishing,  ///< last bytes are being written; nothing is read any more
    kEnded,
  };

  void on_reading() override;
  void on_read() override;
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_written() override;
  void on_unsent_changed() override { note_change(); }

  /// Begins to change what is kept, unless that goes on already; true if it did not.
  bool doubt(parking::SlotMark why);
  /// Says what is true now, unless that is still changing.
  void settle();

  void note_change();
  void begin();
  /// Acts on every event whose bytes are here.
  void pump();
  void act_on(WebSocketEvent event);
  void act_on_text(std::string text);
  /// Closes the connection if the peer sends too many control frames.
  void count_control_frame();
  void send_frame(Opcode opcode, std::string_view payload);
  void send_ping();
  bool is_live() const { return phase_ == Phase::kOpen || phase_ == Phase::kClosing; }
  /// Answers or declares the end, writes what is left and hangs up.
  void finish(std::uint16_t send_code, std::uint16_t told_code, std::string_view reason);
  /// Hangs up at once.
  void cut(std::uint16_t told_code);
  void tell_closed_later(std::uint16_t code);
  void drop_wire();
  void leave_host_if_done();

  std::shared_ptr<ConnectionHost> host_;
  std::shared_ptr<Wire> wire_;
  WebSocketCodec codec_;
  Random* random_;
  WebSocketRole role_;
  Phase phase_;
  bool is_pumping_ = false;
  /// What is kept is being changed, until somebody further out says what is true.
  bool is_changing_ = false;
  bool is_told_ = false;
  std::uint8_t unanswered_pings_ = 0;
  std::uint16_t control_frames_ = 0;
  /// When the present span of counting them began.
  MonoTime counted_since_{};
  std::uint16_t sent_code_ = close_code::kBroken;
  std::string tag_;
  std::shared_ptr<Handlers> handlers_;
  /// Seldom there, and then only for a time.
  std::unique_ptr<std::function<void()>> on_drained_;
  parking::ParkingSpace space_;
};

}  // namespace voicectl
