// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/bench/load/event_loop.h"

namespace voicectl::bench {

/// Ultravox and ERPNext on one port, answering at once: what a measured server waits for then is
/// its own work only. The answers have the members and the size of the real ones.
class FakeServices : public Watched {
 public:
  FakeServices(EventLoop& loop, std::uint16_t port);
  ~FakeServices() override;

  /// Keeps the tool tokens of the calls that are asked for from now on, or no longer.
  void remember_tokens(bool wanted) { remembers_ = wanted; }
  /// The token that the tools of that session show; empty if its call was not remembered.
  std::string tool_token(const std::string& session) const;

  std::uint64_t requests() const { return requests_; }

 private:
  class Client;

  void on_ready(std::uint32_t events) override;
  /// The whole answer to a request.
  std::string answer(const HttpMessage& request);
  std::string answer_voice(std::string_view method, std::string_view path, std::string_view body);
  std::string answer_erp(std::string_view method, std::string_view path, std::string_view body);
  void remember(std::string_view call);

  EventLoop& loop_;
  UniqueFd listener_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::unordered_map<std::string, std::string> tokens_;
  bool remembers_ = false;
  std::uint64_t requests_ = 0;
};

}  // namespace voicectl::bench
