// SPDX-License-Identifier: Apache-2.0
#include "runtime/parking/gift_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace voicectl::parking {
namespace {

std::string_view cut_word(std::string_view& text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, blank);
  text = text.substr(std::min(blank + 1, text.size()));
  return word;
}

template <typename T>
bool read_number(std::string_view text, T& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size();
}

}  // namespace

Result<SlotsMessage> parse_slots(std::string_view text) {
  const Error broken(ErrorCode::kCorrupt, "cannot read parked connections: the message is broken");
  const std::size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos) {
    return broken;
  }
  SlotsMessage message;
  message.bytes = text.substr(line_end + 1);
  std::string_view head = text.substr(0, line_end);
  const bool is_known = cut_word(head) == kSlots && read_number(cut_word(head), message.batch);
  message.layout = cut_word(head);
  while (is_known && !head.empty()) {
    std::uint32_t generation = 0;
    if (!read_number(cut_word(head), generation)) {
      return broken;
    }
    message.generations.push_back(generation);
  }
  if (!is_known || message.bytes.size() != message.generations.size() * kSlotBytes) {
    return broken;
  }
  return message;
}

GiftReader::GiftReader(std::unique_ptr<FdChannel> channel, std::string layout, Handlers handlers)
    : channel_(std::move(channel)), layout_(std::move(layout)), handlers_(std::move(handlers)) {
  FdChannel::Handlers of_channel;
  of_channel.on_message = [this](const std::string& text, std::vector<UniqueFd> sockets) {
    take(text, std::move(sockets));
  };
  of_channel.on_close = [this] { end(); };
  channel_->start(std::move(of_channel));
}

void GiftReader::take(const std::string& text, std::vector<UniqueFd> sockets) {
  if (text == kEnd) {
    end();
    return;
  }
  const Result<SlotsMessage> message = parse_slots(text);
  if (message.has_error() || message->generations.size() != sockets.size()) {
    end();
    return;
  }
  std::vector<ParkedConnection> connections;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    ParkedConnection one{std::move(sockets[i]), Doubt::kBroken};
    if (message->layout == layout_) {
      one.state =
          read_slot(message->bytes.substr(i * kSlotBytes, kSlotBytes), message->generations[i]);
    }
    connections.push_back(std::move(one));
  }
  handlers_.on_batch(message->batch, std::move(connections));
}

Status GiftReader::took(std::uint64_t batch) {
  return channel_->send_now(fmt::format("{} {}", kTook, batch));
}

void GiftReader::end() {
  if (const auto tell = std::exchange(handlers_.on_end, nullptr)) {
    tell();
  }
}

}  // namespace voicectl::parking
