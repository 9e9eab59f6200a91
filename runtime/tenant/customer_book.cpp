// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/customer_book.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl::runtime {
namespace {

/// Fewer digits are an extension or a slip of the tongue.
constexpr std::size_t kMinDigits = 6;
constexpr std::size_t kMaxDigits = 20;

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

void CustomerBook::recognise(const std::string& phone, Completion<std::optional<Customer>> done) {
  const std::string key = phone_key(phone);
  if (key.empty()) {
    done(std::optional<Customer>());
    return;
  }
  scope_.store.find_customer(key, [done = std::move(done)](Result<std::optional<Customer>> found) {
    done(found.has_error() ? std::optional<Customer>() : std::move(*found));
  });
}

void CustomerBook::note(const SessionEvent& event) {
  const std::string_view member = reference_member(event.type);
  const Session* session = member.empty() ? nullptr : scope_.book.find(event.session);
  if (session == nullptr) {
    return;
  }
  const Result<Json> parsed = parse_json(event.data);
  const Json data = parsed.has_value() ? *parsed : Json::object();
  const std::string said = string_or(data, "phone", "");
  const std::string phone = phone_key(said).empty() ? session->customer_phone : said;
  if (phone_key(phone).empty()) {
    return;
  }
  const std::string remembered = dump_json(
      Json{{"last_outcome", event.type}, {"last_reference", string_or(data, member, "")}});
  recognise(phone, [this, phone, remembered, name = string_or(data, "customer_name", ""),
                    alive = std::weak_ptr(self_)](Result<std::optional<Customer>> found) {
    if (!alive.expired()) {
      remember(std::move(*found), phone, name, remembered);
    }
  });
}

void CustomerBook::remember(std::optional<Customer> known,
                            const std::string& phone,
                            const std::string& name,
                            const std::string& data) {
  const WallTime now = scope_.clock.now();
  // Who said the number only during the call is met here for the first time.
  Customer customer = known ? std::move(*known) : with_session(std::nullopt, phone, name, now);
  customer.name = name.empty() ? customer.name : name;
  customer.last_seen = now;
  customer.data = data;
  Change change;
  change.customers.push_back(std::move(customer));
  // A memory that is lost with the store is only a little less polite.
  scope_.book.commit(std::move(change), [](const Status&) {});
}

}  // namespace voicectl::runtime
