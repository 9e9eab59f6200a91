// SPDX-License-Identifier: Apache-2.0
// What dead instances have left, on its way to the tenant's next one.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "provisioner/holder/lanes.h"
#include "provisioner/holder/words.h"
#include "runtime/parking/protocol.h"

namespace voicectl::holder {

void Lanes::give(std::string_view tenant, UniqueFd socket) {
  // Whoever died has said everything before.
  hear_everything();
  for (const auto& earlier : gifts_) {
    if (earlier->tenant == tenant) {
      withdraw(*earlier);
    }
  }
  clean_up();
  auto gift = std::make_unique<Gift>();
  gift->tenant = tenant;
  gift->socket = std::move(socket);
  if (const auto loose = loose_.find(tenant); loose != loose_.end()) {
    gift->batches = std::move(loose->second);
    loose_.erase(loose);
  }
  for (const auto& lane : lanes_) {
    if (lane->is_dead) {
      collect(*lane, tenant, gift->batches);
    }
  }
  send(*gift);
  gifts_.push_back(std::move(gift));
  clean_up();
}

void Lanes::collect(Lane& lane, std::string_view tenant, std::deque<Batch>& out) {
  std::vector<std::uint32_t> slots;
  std::map<std::uint32_t, bool> gates;
  for (std::uint32_t number = 0; number < lane.entries.size(); ++number) {
    Entry& entry = lane.entries[number];
    if (entry.socket.is_open() && *entry.tenant == tenant) {
      const auto [gate, is_new] = gates.try_emplace(entry.gate, false);
      if (is_new) {
        gate->second = first_byte(lane, entry.gate) == parking::kOpenGate;
      }
      if (gate->second) {
        slots.push_back(number);
      } else {
        close(lane, entry);  // it was on its way to another instance, which has its own copy
      }
    }
    const bool is_last = number + 1 == lane.entries.size();
    if (slots.size() == kMaxChannelDescriptors || (is_last && !slots.empty())) {
      out.push_back(make_batch(lane, slots));
      slots.clear();
    }
  }
}

char Lanes::first_byte(const Lane& lane, std::uint32_t slot) {
  char byte = 0;
  (void)::pread(lane.memory.get(), &byte, 1,
                static_cast<off_t>(std::size_t{slot} * parking::kSlotBytes));
  return byte;
}

Lanes::Batch Lanes::make_batch(Lane& lane, const std::vector<std::uint32_t>& slots) {
  Batch batch;
  batch.number = ++last_batch_;
  batch.text = std::string(parking::kSlots) + " " + std::to_string(batch.number) + " " +
               (lane.layout.empty() ? "-" : lane.layout);
  std::string bytes;
  for (const std::uint32_t number : slots) {
    Entry& entry = lane.entries[number];
    batch.text += " " + std::to_string(entry.generation);
    // What the instance took away again reads as nothing, which nobody goes on with.
    std::string slot(parking::kSlotBytes, '\0');
    (void)::pread(lane.memory.get(), slot.data(), slot.size(),
                  static_cast<off_t>(std::size_t{number} * parking::kSlotBytes));
    bytes += slot;
    batch.sockets.push_back(std::move(entry.socket));
    close(lane, entry);
  }
  batch.text += "\n" + bytes;
  return batch;
}

void Lanes::send(Gift& gift) {
  while (!gift.is_over && gift.sent < gift.batches.size()) {
    const Batch& batch = gift.batches[gift.sent];
    const int problem = send_fd_message(gift.socket.get(), batch.text, numbers_of(batch.sockets));
    if (problem == EAGAIN || problem == ENOBUFS || problem == ETOOMANYREFS) {
      return;
    }
    if (problem != 0) {
      return;  // the end is heard
    }
    ++gift.sent;
  }
  if (!gift.is_told) {
    gift.is_told = send_fd_message(gift.socket.get(), parking::kEnd, {}) != EAGAIN;
  }
}

void Lanes::hear(Gift& gift) {
  while (!gift.is_over) {
    const ReceivedFdMessage received = receive_fd_message(gift.socket.get());
    if (received.kind == ReceivedFdMessage::Kind::kNothing) {
      return;
    }
    if (received.kind != ReceivedFdMessage::Kind::kMessage) {
      gift.is_over = true;
      return;
    }
    std::string_view words = received.text;
    if (cut_word(words) != parking::kTook) {
      continue;
    }
    std::uint64_t number = 0;
    std::from_chars(words.data(), words.data() + words.size(), number);
    const auto taken = std::find_if(gift.batches.begin(), gift.batches.end(),
                                    [&](const Batch& batch) { return batch.number == number; });
    const auto at = static_cast<std::size_t>(taken - gift.batches.begin());
    if (at < gift.sent) {
      gift.batches.erase(taken);
      --gift.sent;
    }
  }
}

void Lanes::withdraw(Gift& gift) {
  // From here on it cannot say any more that it took something; what it has said is in the socket.
  (void)::shutdown(gift.socket.get(), SHUT_RD);
  hear(gift);
  gift.is_over = true;
}

}  // namespace voicectl::holder
