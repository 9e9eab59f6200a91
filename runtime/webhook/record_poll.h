// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/os/reactor.h"
#include "base/random.h"
#include "base/result.h"
#include "runtime/backend/erpnext/erpnext_answer.h"
#include "runtime/session/session_book.h"
#include "runtime/session/session_store.h"
#include "runtime/webhook/record_news.h"
#include "runtime/webhook/record_updates.h"

namespace voicectl::runtime {

/// Asks the site what has become of orders, appointments and tickets that are not over: Frappe
/// tries a webhook three times within five seconds and then forgets it.
///
/// What differs is news as if the webhook had come, and decided by the same RecordNews, so that
/// what came both ways is told once. Only records of ours are asked for, by their names and few at
/// a time; a site that asks for quiet is left alone, and who has no open record asks nothing.
/// THREADS: loop thread only.
class RecordPoll {
 public:
  /// From the end of one look to the next; up to kSpread more, so that tenants of one site do not
  /// come together.
  static constexpr Duration kInterval = std::chrono::minutes(5);
  static constexpr Duration kSpread = std::chrono::minutes(1);
  /// Records in one request, whose address their names are in.
  static constexpr std::size_t kPage = 50;
  /// Of a tenant, the newest that are not over; and how long after its last news a record is asked
  /// for.
  static constexpr std::size_t kMostRecords = 500;
  /// Records that are read from the store at one time, whatever their state.
  static constexpr std::uint32_t kListed = 500;
  static constexpr std::chrono::hours kFollowed{30 * 24};

  struct Deps {
    Reactor& reactor;
    const WallClock& clock;
    Random& random;
    SessionStore& store;
    SessionBook& book;
    RecordNews& news;
    /// Whether the tenant has a site at present.
    std::function<bool()> has_site;
    /// Asks for those of these documents that are there: a JSON array.
    std::function<void(const std::string& doctype,
                       const std::vector<std::string>& names,
                       Completion<ErpnextAnswer> done)>
        ask;
  };

  /// REQUIRES: what `deps` refers to outlives it.
  explicit RecordPoll(Deps deps);
  ~RecordPoll();
  RecordPoll(const RecordPoll&) = delete;
  RecordPoll& operator=(const RecordPoll&) = delete;

  /// News that no webhook had brought.
  std::uint64_t found() const { return found_; }

 private:
  struct Page {
    BusinessRecord::Kind kind;
    /// By the name that the site gave it.
    std::map<std::string, KeptRecord> records;
  };

  void look_later(Duration wait);
  void look();
  /// `place` is a record_cursor(); empty begins with the newest.
  void list_behind(const std::string& place);
  void divide(const std::vector<KeptRecord>& records);
  void ask_next();
  void compare(const Page& page, const Result<ErpnextAnswer>& answer);
  void tell_next();
  void tell(const KeptRecord& kept, const RecordUpdate& update);
  /// The rest waits for the next look.
  void give_up();

  Deps deps_;
  TimerId timer_{};
  /// Of this look: open records so far, and pages that have room for more.
  std::size_t open_ = 0;
  std::map<BusinessRecord::Kind, Page> filling_;
  std::deque<Page> pages_;
  std::deque<RecordUpdate> updates_;
  std::uint64_t found_ = 0;
  /// Dies with it, so that what comes later is dropped.
  std::shared_ptr<RecordPoll*> self_;
};

}  // namespace voicectl::runtime
