// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/record_poll.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl::runtime {
namespace {

/// States behind which nothing follows that a caller waits for.
constexpr std::array kEndings = {"completed", "cancelled", "canceled", "closed",
                                 "delivered", "rejected",  "resolved", "no show"};

std::string in_small_letters(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_over(const BusinessRecord& record) {
  const Result<Json> data = parse_json(record.data);
  const std::string status =
      data.has_value() && data->is_object() ? in_small_letters(string_or(*data, "status", "")) : "";
  return std::find(kEndings.begin(), kEndings.end(), status) != kEndings.end();
}

const std::string& name_at_site(const BusinessRecord& record) {
  return record.external_id.empty() ? record.id : record.external_id;
}

/// Whether it is no better asked for anything else now: away, in need of quiet, or a key that opens
/// nothing.
bool concerns_the_site(ErpnextVerdict verdict) {
  return verdict == ErpnextVerdict::kBusy || verdict == ErpnextVerdict::kAway ||
         verdict == ErpnextVerdict::kHiccup || verdict == ErpnextVerdict::kUnauthorized;
}

std::string doctype_of(BusinessRecord::Kind kind) {
  switch (kind) {
    case BusinessRecord::Kind::kOrder:
      return "Voice Restaurant Order";
    case BusinessRecord::Kind::kAppointment:
      return "Voice Appointment";
    case BusinessRecord::Kind::kTicket:
      return "Voice Support Ticket";
  }
  return "";
}

}  // namespace

RecordPoll::RecordPoll(Deps deps)
    : deps_(std::move(deps)), self_(std::make_shared<RecordPoll*>(this)) {
  look_later(kInterval);
}

RecordPoll::~RecordPoll() {
  deps_.reactor.cancel(timer_);
}

void RecordPoll::look_later(Duration wait) {
  const auto spread = std::chrono::duration_cast<std::chrono::milliseconds>(kSpread);
  const std::chrono::milliseconds more(
      deps_.random.below(static_cast<std::uint64_t>(spread.count())));
  timer_ = deps_.reactor.call_after(wait + more, [this] { look(); });
}

void RecordPoll::give_up() {
  filling_.clear();
  pages_.clear();
  updates_.clear();
  look_later(kInterval);
}

void RecordPoll::look() {
  if (!deps_.has_site() || deps_.book.broken()) {
    give_up();
    return;
  }
  open_ = 0;
  list_behind("");
}

void RecordPoll::list_behind(const std::string& place) {
  deps_.store.list_records(
      {std::nullopt, deps_.clock.now() - kFollowed, kListed, place},
      [this, alive = std::weak_ptr(self_)](const Result<std::vector<KeptRecord>>& found) {
        if (alive.expired()) {
          return;
        }
        if (found.has_error()) {
          give_up();
          return;
        }
        divide(*found);
        // What is over may be any number, and hides none that is not.
        if (found->size() == kListed && open_ < kMostRecords) {
          list_behind(record_cursor(found->back()));
          return;
        }
        for (auto& [kind, page] : std::exchange(filling_, {})) {
          pages_.push_back(std::move(page));
        }
        ask_next();
      });
}

void RecordPoll::divide(const std::vector<KeptRecord>& records) {
  for (const KeptRecord& kept : records) {
    if (is_over(kept.record) || open_ == kMostRecords) {
      continue;
    }
    ++open_;
    const BusinessRecord::Kind kind = kept.record.kind;
    Page& page = filling_.try_emplace(kind, Page{kind, {}}).first->second;
    page.records.emplace(name_at_site(kept.record), kept);
    if (page.records.size() == kPage) {
      pages_.push_back(std::move(page));
      filling_.erase(kind);
    }
  }
}

void RecordPoll::ask_next() {
  if (pages_.empty()) {
    look_later(kInterval);
    return;
  }
  const auto page = std::make_shared<const Page>(std::move(pages_.front()));
  pages_.pop_front();
  std::vector<std::string> names;
  for (const auto& [name, kept] : page->records) {
    names.push_back(name);
  }
  deps_.ask(doctype_of(page->kind), names,
            [this, page, alive = std::weak_ptr(self_)](const Result<ErpnextAnswer>& answer) {
              if (!alive.expired()) {
                compare(*page, answer);
              }
            });
}

void RecordPoll::compare(const Page& page, const Result<ErpnextAnswer>& answer) {
  if (answer.has_error() || concerns_the_site(answer->verdict)) {
    give_up();
    return;
  }
  if (answer->verdict != ErpnextVerdict::kOk || !answer->content || !answer->content->is_array()) {
    ask_next();  // a "no" to these says nothing of the others
    return;
  }
  for (const Json& document : *answer->content) {
    const Result<RecordUpdate> update = parse_record_update(dump_json(document));
    const auto kept = update.has_value() ? page.records.find(update->name) : page.records.end();
    // A change of what nobody is told of is no news.
    if (kept != page.records.end() && says_otherwise(kept->second, *update)) {
      updates_.push_back(*update);
    }
  }
  tell_next();
}

void RecordPoll::tell_next() {
  if (updates_.empty()) {
    ask_next();
    return;
  }
  const RecordUpdate update = std::move(updates_.front());
  updates_.pop_front();
  // Read again: its webhook may have come while the site was asked.
  deps_.store.find_record(update.name, [this, update, alive = std::weak_ptr(self_)](
                                           const Result<std::optional<KeptRecord>>& found) {
    if (alive.expired()) {
      return;
    }
    if (found.has_error() || deps_.book.broken()) {
      give_up();
    } else if (!*found || !says_otherwise(**found, update)) {
      tell_next();
    } else {
      tell(**found, update);
    }
  });
}

void RecordPoll::tell(const KeptRecord& kept, const RecordUpdate& update) {
  deps_.book.fetch(kept.session, [this, kept, update, alive = std::weak_ptr(self_)](
                                     const Result<std::optional<Session>>& session) {
    if (alive.expired()) {
      return;
    }
    if (session.has_error()) {
      give_up();
      return;
    }
    Change change = deps_.news.decide(kept, update, *session);
    if (change.records.empty()) {
      tell_next();
      return;
    }
    deps_.book.commit(std::move(change), [this, id = kept.record.id,
                                          alive = std::weak_ptr(self_)](const Status& outcome) {
      if (alive.expired()) {
        return;
      }
      if (outcome.has_error()) {
        deps_.news.forget(id);
        give_up();
        return;
      }
      ++found_;
      tell_next();
    });
  });
}

}  // namespace voicectl::runtime
