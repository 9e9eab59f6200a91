// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/os/unique_fd.h"
#include "runtime/net/poll_set.h"

namespace voicectl {

/// Hears what happens on a Wire. Nothing is called from within a call to the wire.
class WireOwner {
 public:
  /// Bytes may leave the kernel from now on; `on_read` follows, unless the wire is closed or given
  /// up before.
  virtual void on_reading() {}
  virtual void on_read() {}
  virtual void on_bytes(std::string_view bytes) = 0;
  /// The peer sent its last byte; it may still read.
  virtual void on_end() = 0;
  /// Nothing can be sent or received any more.
  virtual void on_broken() = 0;
  /// What had to wait for the peer has been written.
  virtual void on_written() = 0;
  /// Bytes began to wait, or some that waited have left. An exception: also called from within a
  /// call to the wire, which it leaves alone.
  virtual void on_unsent_changed() {}

 protected:
  ~WireOwner() = default;
};

/// A connected stream socket on the loop that hides no byte: what was received has been given to
/// the owner, what was not written is in `unsent`. It waits for readiness and then moves bytes
/// itself, so no operation in flight can hold any. While its set is paused it moves none.
///
/// THREADS: loop thread only.
class Wire final : public std::enable_shared_from_this<Wire>, private PolledSocket {
 public:
  Wire(boost::asio::io_context& context, UniqueFd socket, std::string unsent)
      : Wire(context, PollSet::common_to(context), std::move(socket), std::move(unsent)) {}
  /// REQUIRES: `set` outlives its being open.
  Wire(boost::asio::io_context& context, PollSet& set, UniqueFd socket, std::string unsent);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// From now on `owner` hears what happens. REQUIRES: it closes the wire, releases it or names
  /// another owner before it dies.
  void set_owner(WireOwner& owner) { owner_ = &owner; }

  /// Begins, or goes on, to read and to write what is unsent.
  void resume();
  /// Stops reading; the kernel's buffer then holds the peer back.
  void pause();

  void queue(std::string bytes);
  /// The same as `queue` and `flush`, but copies only what the kernel does not take at once.
  void write(std::string_view bytes);
  /// Writes as much as the kernel takes.
  void flush();
  std::size_t unsent_size() const { return unsent_.size() - written_; }
  std::string_view unsent() const { return std::string_view(unsent_).substr(written_); }
  int number() const { return socket_.get(); }
  /// The number, for whoever sends it to another process: what that one does with the socket holds
  /// up nobody here.
  int lend();

  /// Writes what is queued, then tells the peer that nothing follows and drops what it still
  /// sends, so that a reset cannot overtake the last answer. Ends with on_end or on_broken.
  void finish();
  /// Closes at once. Nothing is called afterwards.
  void close();
  /// The same for a socket that others may have open too: the peer learns of the end all the same.
  void hang_up();
  /// Gives the socket away, and drops what is unsent. Nothing is called afterwards.
  UniqueFd release();
  bool is_open() const { return socket_.is_open(); }
  /// What was queued may not have been written, or in part; nothing will be any more.
  bool is_broken() const { return is_broken_; }

 private:
  void on_ready(std::uint32_t events) override;
  void on_resumed() override;
  /// What is waited for.
  std::uint32_t wanted() const;
  /// Has the set wait for that, and for nothing else.
  void watch();
  void unwatch();
  void break_down();
  void write_again();
  void read();
  void read_some();
  /// What one recv gave: returns false when there is no more to read now.
  bool take_received(std::string_view bytes);
  void send_some();
  /// How many bytes the kernel took; may find the wire broken.
  std::size_t send(std::string_view bytes);
  void tell_of_unsent();
  void report_later(void (WireOwner::*event)());

  boost::asio::io_context& context_;
  PollSet& set_;
  UniqueFd socket_;
  WireOwner* owner_ = nullptr;
  std::string unsent_;
  /// Bytes at the front of `unsent_` that the kernel has.
  std::size_t written_ = 0;
  /// What the set waits for. May be more than is wanted, until that is told.
  std::uint32_t watched_ = 0;
  bool is_reading_ = false;
  bool waits_writable_ = false;
  /// Whether bytes waited when the owner was told last.
  bool had_unsent_ = false;
  bool is_finishing_ = false;
  bool has_ended_ = false;
  bool is_broken_ = false;
};

}  // namespace voicectl
