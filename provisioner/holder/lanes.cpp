// SPDX-License-Identifier: Apache-2.0
#include "provisioner/holder/lanes.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "base/os/foreign_close.h"
#include "provisioner/holder/words.h"
#include "runtime/parking/protocol.h"

namespace voicectl::holder {
namespace {

/// One instance may have this many messages acted on before the others have their turn.
constexpr int kMostPerTurn = 64;

/// So many turns are as many messages as a socket has room for, and more: what an instance that
/// died has said is heard to its end, and one that lives cannot hold us up.
constexpr int kMostTurns = 32;

struct SlotName {
  std::uint32_t number = 0;
  std::uint32_t generation = 0;
};

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = problem == std::errc() && end == text.data() + text.size();
  return is_whole && number < parking::kMostSlots ? std::optional(number) : std::nullopt;
}

/// "<slot>:<generation>".
std::optional<SlotName> parse_slot(std::string_view text) {
  SlotName slot;
  const char* const end = text.data() + text.size();
  const auto [colon, problem] = std::from_chars(text.data(), end, slot.number);
  if (problem != std::errc() || colon == end || *colon != ':' ||
      slot.number >= parking::kMostSlots) {
    return std::nullopt;
  }
  const auto [rest, other] = std::from_chars(colon + 1, end, slot.generation);
  return other == std::errc() && rest == end ? std::optional(slot) : std::nullopt;
}

}  // namespace

void Lanes::open(std::string_view instance, UniqueFd socket) {
  auto lane = std::make_unique<Lane>();
  lane->instance = instance;
  lane->socket = std::move(socket);
  lanes_.push_back(std::move(lane));
}

void Lanes::allow(std::string_view instance, std::string_view tenant) {
  for (const auto& lane : lanes_) {
    if (lane->instance == instance && !lane->is_dead) {
      lane->allowed.try_emplace(std::string(tenant), std::make_shared<const std::string>(tenant));
    }
  }
}

void Lanes::forbid(std::string_view instance, std::string_view tenant) {
  for (const auto& lane : lanes_) {
    const auto known = lane->allowed.find(tenant);
    if (lane->instance != instance || lane->is_dead || known == lane->allowed.end()) {
      continue;
    }
    lane->allowed.erase(known);
    for (Entry& entry : lane->entries) {
      if (entry.socket.is_open() && *entry.tenant == tenant) {
        close(*lane, entry);
      }
    }
  }
}

void Lanes::watch(std::vector<pollfd>& list) const {
  for (const auto& lane : lanes_) {
    // A number below zero is left out by poll().
    list.push_back({lane->is_dead ? -1 : lane->socket.get(), POLLIN, 0});
  }
  for (const auto& gift : gifts_) {
    const int wanted = POLLIN | (gift->is_told ? 0 : POLLOUT);
    list.push_back({gift->socket.get(), static_cast<short>(wanted), 0});
  }
}

void Lanes::act(const std::vector<pollfd>& seen) {
  // By number, since the daemon may have changed what there is meanwhile. One that belongs to
  // another by now is looked at in vain.
  std::set<int> ready;
  for (const pollfd& one : seen) {
    if (one.revents != 0) {
      ready.insert(one.fd);
    }
  }
  for (const auto& lane : lanes_) {
    take_waiting(*lane);
    if (ready.contains(lane->socket.get())) {
      hear(*lane);
    }
  }
  for (const auto& gift : gifts_) {
    if (ready.contains(gift->socket.get())) {
      send(*gift);
      hear(*gift);
    }
  }
  clean_up();
}

bool Lanes::is_waiting() const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [](const auto& lane) { return !lane->waiting.empty(); });
}

void Lanes::hear_everything() {
  for (const auto& lane : lanes_) {
    take_waiting(*lane);
    for (int turn = 0; turn < kMostTurns && !lane->is_dead && hear(*lane); ++turn) {
    }
    take_waiting(*lane);
  }
  for (const auto& gift : gifts_) {
    hear(*gift);
  }
  clean_up();
}

bool Lanes::hear(Lane& lane) {
  for (int turn = 0; turn < kMostPerTurn && !lane.is_dead; ++turn) {
    ReceivedFdMessage received = receive_fd_message(lane.socket.get());
    switch (received.kind) {
      case ReceivedFdMessage::Kind::kNothing:
        return false;
      case ReceivedFdMessage::Kind::kCut:
        break;  // those connections live and die with their instance
      case ReceivedFdMessage::Kind::kEnd:
        lane.is_dead = true;
        lane.socket.close();
        return false;
      case ReceivedFdMessage::Kind::kMessage:
        if (must_wait(lane, received.text)) {
          // Also what waits has to leave room for listeners, whoever says what.
          if (held() + received.descriptors.size() > limits_.most) {
            break;
          }
          lane.waiting.push_back({std::move(received.text), std::move(received.descriptors)});
        } else {
          take(lane, received.text, std::move(received.descriptors));
        }
        break;
    }
  }
  return true;
}

bool Lanes::must_wait(const Lane& lane, std::string_view text) {
  // The daemon allows a tenant before the instance has it, but over another socket.
  const bool is_park = cut_word(text) == parking::kPark;
  return !lane.waiting.empty() || (is_park && !lane.allowed.contains(cut_word(text)));
}

void Lanes::take_waiting(Lane& lane) {
  for (Message& message : std::exchange(lane.waiting, {})) {
    take(lane, message.text, std::move(message.descriptors));
  }
}

void Lanes::take(Lane& lane, std::string_view text, std::vector<UniqueFd> descriptors) {
  const std::string_view word = cut_word(text);
  if (word == parking::kPark) {
    park(lane, text, std::move(descriptors));
  } else if (word == parking::kLeave) {
    leave(lane, text);
  } else if (word == parking::kHello && descriptors.size() == 1 && !lane.memory.is_open()) {
    take_memory(lane, text, std::move(descriptors.front()));
  }
}

void Lanes::take_memory(Lane& lane, std::string_view layout, UniqueFd memory) {
  // Memory of its own kind: to read a pipe, or a file of somebody's file system, may take for ever.
  const bool is_memory = ::fcntl(memory.get(), F_GET_SEALS) >= 0;
  if (is_memory && layout.size() <= parking::kMaxLayout &&
      layout.find_first_of(" \n") == std::string_view::npos) {
    lane.memory = std::move(memory);
    lane.layout = layout;
  }
}

void Lanes::park(Lane& lane, std::string_view words, std::vector<UniqueFd> sockets) const {
  const auto tenant = lane.allowed.find(cut_word(words));
  if (tenant == lane.allowed.end()) {
    return;  // an instance has no say in what another tenant's next instance gets
  }
  const std::optional<std::uint32_t> gate = parse_number(cut_word(words));
  if (!gate || held() + sockets.size() > limits_.most) {
    return;
  }
  for (UniqueFd& socket : sockets) {
    const std::optional<SlotName> slot = parse_slot(cut_word(words));
    if (!slot) {
      return;
    }
    lane.entries.resize(std::max<std::size_t>(lane.entries.size(), slot->number + 1));
    Entry& entry = lane.entries[slot->number];
    lane.parked += entry.socket.is_open() ? 0 : 1;
    entry = Entry{std::move(socket), slot->generation, *gate, tenant->second};
  }
}

void Lanes::close(Lane& lane, Entry& entry) {
  entry.socket.close();
  entry.tenant.reset();
  --lane.parked;
}

std::size_t Lanes::held() const {
  // What nobody may hold up in the closing is open until it is closed.
  std::size_t sum = still_closing();
  const auto add = [&sum](const std::deque<Batch>& batches) {
    for (const Batch& batch : batches) {
      sum += batch.sockets.size();
    }
  };
  for (const auto& lane : lanes_) {
    sum += lane->parked;
    for (const Message& message : lane->waiting) {
      sum += message.descriptors.size();
    }
  }
  for (const auto& gift : gifts_) {
    add(gift->batches);
  }
  for (const auto& [tenant, batches] : loose_) {
    add(batches);
  }
  return sum;
}

void Lanes::leave(Lane& lane, std::string_view words) {
  while (!words.empty()) {
    const std::optional<SlotName> slot = parse_slot(cut_word(words));
    if (slot && slot->number < lane.entries.size()) {
      Entry& entry = lane.entries[slot->number];
      if (entry.socket.is_open() && entry.generation == slot->generation) {
        close(lane, entry);
      }
    }
  }
}

void Lanes::clean_up() {
  for (const auto& gift : gifts_) {
    if (gift->is_over && !gift->batches.empty()) {
      std::deque<Batch>& loose = loose_[gift->tenant];
      for (Batch& batch : gift->batches) {
        loose.push_back(std::move(batch));
      }
      gift->batches.clear();
    }
  }
  // One that has told everything and had its answers is of no use, and there is one for each
  // tenant.
  std::erase_if(gifts_, [](const auto& gift) {
    return gift->is_over || (gift->is_told && gift->batches.empty());
  });
  std::erase_if(lanes_, [](const auto& lane) { return lane->is_dead && lane->parked == 0; });
}

void Lanes::tick() {
  for (auto& [tenant, batches] : loose_) {
    std::erase_if(batches, [this](Batch& batch) { return ++batch.age > limits_.keep_checks; });
  }
  for (const auto& gift : gifts_) {
    if (++gift->age > limits_.keep_checks) {
      withdraw(*gift);  // whoever asked has forgotten it
    }
  }
  clean_up();
  std::erase_if(loose_, [](const auto& one) { return one.second.empty(); });
  std::erase_if(lanes_, [this](const auto& lane) {
    return lane->is_dead && ++lane->age > limits_.keep_checks;
  });
}

}  // namespace voicectl::holder
