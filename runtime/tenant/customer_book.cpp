// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/customer_book.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/json_text.h"

namespace voicectl::runtime {
namespace {

/// Fewer digits are an extension or a slip of the tongue.
constexpr std::size_t kMinDigits = 6;
constexpr std::size_t kMaxDigits = 20;

/// How long news of customers are gathered. Nobody who hung up calls again sooner.
constexpr Duration kGather = std::chrono::milliseconds(100);

/// Events that say what a customer came for, and the member that names its record.
constexpr std::pair<EventType, std::string_view> kRemembered[] = {
    {EventType::kOrderCreated, "order_id"},
    {EventType::kAppointmentBooked, "appointment_id"},
    {EventType::kTicketCreated, "ticket_id"}};

std::string_view reference_member(const std::string& type) {
  for (const auto& [event, member] : kRemembered) {
    if (name_of(event) == type) {
      return member;
    }
  }
  return {};
}

/// A member that is text, of an object that we rendered; empty if it has none. An event of each
/// tool call comes by here, and most need no reader of JSON: within a text every quote is escaped,
/// so a quoted name with a colon behind it is a member.
std::string text_member(std::string_view object, std::string_view key) {
  constexpr std::string_view kBefore = "\"";
  constexpr std::string_view kBehind = "\":\"";
  // Without its quote at first: of quotes there are many.
  const auto is_name = [&](std::size_t at) {
    return object.substr(0, at).ends_with(kBefore) &&
           object.substr(at + key.size()).starts_with(kBehind);
  };
  std::size_t at = object.find(key);
  while (at != std::string_view::npos && !is_name(at)) {
    at = object.find(key, at + 1);
  }
  if (at == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = object.substr(at + key.size() + kBehind.size());
  const std::string_view value = rest.substr(0, rest.find('"'));
  if (value.find('\\') == std::string_view::npos) {
    return std::string(value);
  }
  const Result<Json> parsed = parse_json(object);
  return parsed.has_value() ? string_or(*parsed, key, "") : std::string();
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

std::string phone_key(std::string_view phone) {
  std::string text(phone);
  // "+43 (0)660": the zero is only dialled within the country.
  const bool plus = text.find('+') < text.find_first_of("0123456789");
  if (const std::size_t trunk = text.find("(0)"); plus && trunk != std::string::npos) {
    text.erase(trunk, 3);
  }
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), is_digit);
  const bool dialled = !plus && digits.starts_with("00");
  const std::string number = dialled ? digits.substr(2) : digits;
  if (number.size() < kMinDigits || number.size() > kMaxDigits) {
    return {};
  }
  return (plus || dialled ? "+" : "") + number;
}

Customer with_session(std::optional<Customer> known,
                      const std::string& phone,
                      const std::string& name,
                      WallTime now) {
  Customer customer =
      known ? std::move(*known) : Customer{phone_key(phone), name, now, now, 0, "{}"};
  customer.name = name.empty() ? customer.name : name;
  customer.last_seen = now;
  ++customer.sessions;
  return customer;
}

std::string recognised(const std::optional<Customer>& known) {
  if (!known) {
    return "{}";
  }
  Json out = {{"name", known->name},
              {"sessions", known->sessions},
              {"last_seen", format_wall_time(known->last_seen)}};
  if (const Result<Json> data = parse_json(known->data); data.has_value() && data->is_object()) {
    out.update(*data);
  }
  return dump_json(out);
}

CustomerBook::CustomerBook(TenantScope& scope)
    : scope_(scope),
      watch_(scope.hub.watch([this](const SessionEvent& event) { note(event); })),
      self_(std::make_shared<CustomerBook*>(this)) {}

CustomerBook::~CustomerBook() {
  if (timer_) {
    scope_.reactor.cancel(*timer_);
  }
}

void CustomerBook::recognise(const std::string& phone, Completion<std::optional<Customer>> done) {
  const std::string key = phone_key(phone);
  if (key.empty()) {
    done(std::optional<Customer>());
    return;
  }
  scope_.store.find_customer(key, [this, key, done = std::move(done), alive = std::weak_ptr(self_)](
                                      Result<std::optional<Customer>> found) {
    std::optional<Customer> customer;
    if (found.has_value()) {
      customer = std::move(*found);
    }
    if (!alive.expired()) {
      const auto news = news_.find(key);
      customer = news == news_.end() ? customer : with_news(customer, news->second);
    }
    done(std::move(customer));
  });
}

void CustomerBook::stored_with_session(const std::string& phone) {
  news_.erase(phone_key(phone));
}

void CustomerBook::note(const SessionEvent& event) {
  const std::string_view member = reference_member(event.type);
  const Session* session = member.empty() ? nullptr : scope_.book.find(event.session);
  if (session == nullptr) {
    return;
  }
  const std::string said = text_member(event.data, "phone");
  const std::string phone = phone_key(said).empty() ? session->customer_phone : said;
  const std::string key = phone_key(phone);
  if (key.empty()) {
    return;
  }
  JsonText remembered;
  remembered.text("last_outcome", event.type)
      .text("last_reference", text_member(event.data, member));
  const auto [news, is_first] = news_.try_emplace(key);
  news->second.phone = phone;
  const std::string name = text_member(event.data, "customer_name");
  news->second.name = name.empty() ? news->second.name : name;
  news->second.data = remembered.take();
  if (is_first) {
    scope_.store.find_customer(
        key, [this, key, alive = std::weak_ptr(self_)](Result<std::optional<Customer>> found) {
          if (alive.expired()) {
            return;
          }
          if (const auto waiting = news_.find(key); waiting != news_.end()) {
            waiting->second.known = found.has_value() ? std::move(*found) : std::nullopt;
          }
        });
  }
  if (!timer_) {
    timer_ = scope_.reactor.call_after(kGather, [this] {
      timer_.reset();
      flush();
    });
  }
}

Customer CustomerBook::with_news(const std::optional<Customer>& known, const News& news) const {
  const WallTime now = scope_.clock.now();
  // Who said the number only during the call is met here for the first time.
  Customer customer = known ? *known : with_session(std::nullopt, news.phone, news.name, now);
  customer.name = news.name.empty() ? customer.name : news.name;
  customer.last_seen = now;
  customer.data = news.data;
  return customer;
}

void CustomerBook::flush() {
  Change change;
  std::erase_if(news_, [&](const auto& entry) {
    const News& news = entry.second;
    if (news.known) {
      change.customers.push_back(with_news(*news.known, news));
    }
    return news.known.has_value();
  });
  if (!news_.empty() && !timer_) {
    timer_ = scope_.reactor.call_after(kGather, [this] {
      timer_.reset();
      flush();
    });
  }
  if (!change.customers.empty()) {
    // A memory that is lost with the store is only a little less polite.
    scope_.book.commit(std::move(change), [](const Status&) {});
  }
}

void CustomerBook::finish(std::function<void()> then) {
  const auto unknown = std::find_if(news_.begin(), news_.end(),
                                    [](const auto& entry) { return !entry.second.known; });
  if (unknown == news_.end()) {
    flush();
    then();
    return;
  }
  // Questions to a store are answered in their order: behind this one all is known.
  scope_.store.find_customer(
      unknown->first, [this, then = std::move(then)](const Result<std::optional<Customer>>&) {
        flush();
        then();
      });
}

}  // namespace voicectl::runtime
