// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/outbox/deliverer.h"
#include "runtime/outbox/outbox.h"
#include "runtime/session/session_book.h"
#include "runtime/session/session_store.h"
#include "runtime/webhook/record_updates.h"

namespace voicectl::runtime {

/// Decides which updates of records are news, and brings those home that came before their record
/// was known: an order may change at the site before we have its answer.
///
/// Such an update becomes an effect of the outbox on ourselves. It is looked at again as soon as
/// the record becomes known, and on the outbox's schedule besides, so that a kill in between costs
/// nothing. Once nothing is under way that could bring the record it was about somebody else's
/// order, and is over.
/// THREADS: loop thread only.
class RecordNews final : public Deliverer {
 public:
  struct Deps {
    SessionStore& store;
    SessionBook& book;
    Outbox& outbox;
    /// Whether records may still come to be known.
    std::function<bool()> may_come;
  };

  /// REQUIRES: what `deps` refers to outlives it.
  explicit RecordNews(Deps deps);

  /// What an update does to its record; nothing if it is no news. What is being made durable
  /// counts, so that of two that come together the later one wins. `session` is the record's, if it
  /// is there.
  Change decide(const KeptRecord& kept,
                const RecordUpdate& update,
                const std::optional<Session>& session);
  /// What was decided last for a record did not become durable.
  void forget(const std::string& record) { deciding_.erase(record); }

  /// What an update leads to whose record is not known; nothing if it never can be.
  std::vector<NewEffect> keep_waiting(const RecordUpdate& update, const std::string& body) const;
  /// A record is durable now: updates that wait for it are applied.
  void on_record_known(const std::string& name);
  /// Learns of the updates that wait in the store. To be called after each opening of it.
  void resume(const std::vector<OutboxEntry>& pending);

  std::string_view target() const override { return "records"; }
  void deliver(const OutboxEntry& entry,
               Attempt attempt,
               std::function<void(DeliveryOutcome)> done) override;
  void put_off(const OutboxEntry& entry) override;

  static constexpr std::string_view kKind = "record.update";

 private:
  /// Whether the record may be known soon, or is by now although a look into the store missed it.
  bool may_be_known(const std::string& name) const;
  void apply(const KeptRecord& kept,
             const RecordUpdate& update,
             std::function<void(DeliveryOutcome)> done);

  Deps deps_;
  /// Updates that were decided last, by record, for a while beyond their commit: another delivery
  /// may have read the record before it.
  std::map<std::string, RecordUpdate> deciding_;
  /// Entries of updates that wait, by the name that the site gave the record.
  std::multimap<std::string, std::uint64_t> waiting_;
  /// Records that became known last: a look that was begun before may still say that they are not.
  std::deque<std::string> known_lately_;
  std::shared_ptr<RecordNews*> self_;
};

}  // namespace voicectl::runtime
