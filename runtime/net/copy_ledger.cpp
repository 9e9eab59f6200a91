// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/copy_ledger.h"

#include <utility>

namespace voicectl {

void CopyLedger::begin() {
  end();
  is_open_ = true;
  last_id_ = 0;
}

void CopyLedger::end() {
  is_open_ = false;
  for (Entries* const list : {&pending_, &stuck_}) {
    while (!list->empty()) {
      remove(list->front());
    }
  }
  gone_.clear();
}

void CopyLedger::remove(CopyEntry& entry) {
  switch (std::exchange(entry.copy_list_, CopyEntry::List::kNone)) {
    case CopyEntry::List::kNone:
      return;
    case CopyEntry::List::kPending:
      pending_.erase(pending_.iterator_to(entry));
      return;
    case CopyEntry::List::kStuck:
      stuck_.erase(stuck_.iterator_to(entry));
      return;
  }
}

void CopyLedger::append(CopyEntry& entry, CopyEntry::List list) {
  remove(entry);
  entry.copy_list_ = list;
  (list == CopyEntry::List::kPending ? pending_ : stuck_).push_back(entry);
}

void CopyLedger::note(Connection& connection) {
  if (is_open_ && connection.copy_list_ != CopyEntry::List::kPending) {
    append(connection, CopyEntry::List::kPending);
  }
}

void CopyLedger::forget(Connection& connection) {
  remove(connection);
  if (const CopyId id = std::exchange(connection.copy_id_, 0); is_open_ && id != 0) {
    gone_.push_back(id);
  }
}

ConnectionChanges CopyLedger::take(std::size_t most, std::size_t most_bytes) {
  ConnectionChanges changes;
  changes.gone = std::exchange(gone_, {});
  std::size_t bytes = 0;
  while (!pending_.empty() && changes.changed.size() < most && bytes <= most_bytes) {
    auto& connection = static_cast<Connection&>(pending_.front());
    if (!connection.is_movable()) {
      append(connection, CopyEntry::List::kStuck);
      continue;
    }
    remove(connection);
    ConnectionChange& change = changes.changed.emplace_back();
    if (connection.copy_id_ == 0) {
      connection.copy_id_ = ++last_id_;
      change.socket = connection.lend();
    }
    change.id = connection.copy_id_;
    change.state = connection.state();
    bytes +=
        change.state.unread.size() + change.state.unsent.size() + change.state.fragments.size();
  }
  return changes;
}

std::size_t CopyLedger::close() {
  std::size_t cut_short = 0;
  for (std::size_t left = pending_.size(); left > 0; --left) {
    auto& connection = static_cast<Connection&>(pending_.front());
    append(connection,
           connection.is_movable() ? CopyEntry::List::kPending : CopyEntry::List::kStuck);
  }
  while (!stuck_.empty()) {
    auto& connection = static_cast<Connection&>(stuck_.front());
    forget(connection);
    cut_short += connection.is_in_pieces() ? 1 : 0;
  }
  return cut_short;
}

}  // namespace voicectl
