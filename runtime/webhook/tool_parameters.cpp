// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/tool_parameters.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>

#include "runtime/backend/builtin/appointment.h"

namespace voicectl::runtime {
namespace {

/// Longest text that a caller can sensibly have said into one parameter.
constexpr std::size_t kMaxText = 2000;
constexpr std::size_t kMaxItems = 50;

/// The text of a parameter; a number is taken as its digits (phone numbers).
std::string text_of(const Json& parameters, std::string_view name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) {
    return {};
  }
  if (found->is_number()) {
    return found->dump();
  }
  return found->is_string() ? found->get<std::string>() : std::string();
}

/// Whether `text_of` has something to tell.
bool has_text(const Json& parameters, std::string_view name) {
  const auto found = parameters.find(name);
  return found != parameters.end() &&
         (found->is_number() ||
          (found->is_string() && !found->get_ref<const std::string&>().empty()));
}

/// 0 for what is no whole positive number; the backend asks for another one then.
std::uint32_t quantity_of(const Json& item) {
  const auto found = item.find("quantity");
  if (found == item.end()) {
    return 1;
  }
  if (found->is_number_unsigned()) {
    const auto number = found->get<std::uint64_t>();
    return number <= 1'000'000 ? static_cast<std::uint32_t>(number) : 0;
  }
  const std::string digits = found->is_string() ? found->get<std::string>() : found->dump();
  double number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = problem == std::errc() && end == digits.data() + digits.size() &&
                     number >= 1 && number <= 1e6;
  const auto quantity = whole ? static_cast<std::uint32_t>(number) : 0;
  return static_cast<double>(quantity) == number ? quantity : 0;
}

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

/// Whether two texts are the same, but for case and what is no letter.
bool have_same_letters(std::string_view a, std::string_view b) {
  auto in_a = a.begin();
  auto in_b = b.begin();
  while (true) {
    in_a = std::find_if(in_a, a.end(), is_letter);
    in_b = std::find_if(in_b, b.end(), is_letter);
    if (in_a == a.end() || in_b == b.end()) {
      return in_a == a.end() && in_b == b.end();
    }
    if (std::tolower(static_cast<unsigned char>(*in_a++)) !=
        std::tolower(static_cast<unsigned char>(*in_b++))) {
      return false;
    }
  }
}

bool is_choice(const ToolParameter& parameter, const std::string& text) {
  return std::any_of(parameter.choices.begin(), parameter.choices.end(),
                     [&text](std::string_view choice) { return have_same_letters(choice, text); });
}

bool are_items(const Json& value) {
  if (!value.is_array() || value.empty() || value.size() > kMaxItems) {
    return false;
  }
  for (const Json& item : value) {
    if (!item.is_object() || !has_text(item, "item_name")) {
      return false;
    }
  }
  return true;
}

bool makes_sense(const ToolParameter& parameter, const Json& parameters) {
  if (parameter.kind == ParameterKind::kOrderItems) {
    return are_items(*parameters.find(parameter.name));
  }
  const std::string text = text_of(parameters, parameter.name);
  switch (parameter.kind) {
    case ParameterKind::kText:
      return !text.empty() && text.size() <= kMaxText;
    case ParameterKind::kDate:
      return parse_local_time(text, "00:00").has_value();
    case ParameterKind::kTime:
      return parse_local_time("2026-01-01", text).has_value();
    case ParameterKind::kChoice:
      return is_choice(parameter, text);
    case ParameterKind::kOrderItems:
      break;
  }
  return false;
}

bool is_absent(const Json& parameters, std::string_view name) {
  const auto found = parameters.find(name);
  return found == parameters.end() || found->is_null() ||
         (found->is_string() && found->get_ref<const std::string&>().empty());
}

std::optional<Refusal> question_for(const ToolDefinition& tool, const Json& parameters) {
  if (!parameters.is_object()) {
    return Refusal{"I'm sorry, something went missing. Could you repeat that, please?"};
  }
  for (const ToolParameter& parameter : tool.parameters) {
    const bool absent = is_absent(parameters, parameter.name);
    if (absent && parameter.presence == Presence::kOptional) {
      continue;
    }
    if (absent || !makes_sense(parameter, parameters)) {
      return Refusal{std::string(parameter.question)};
    }
  }
  return std::nullopt;
}

OrderRequest order_of(const Json& parameters) {
  OrderRequest request;
  request.customer_name = text_of(parameters, "customer_name");
  request.phone = text_of(parameters, "phone");
  request.delivery_address = text_of(parameters, "delivery_address");
  request.type = order_type_named(text_of(parameters, "order_type")).value_or(OrderType::kTakeaway);
  for (const Json& item : *parameters.find("items")) {
    request.items.push_back(
        {text_of(item, "item_name"), quantity_of(item), text_of(item, "special_instructions")});
  }
  return request;
}

}  // namespace

ToolRequest read_tool_request(const ToolDefinition& tool, const Json& parameters) {
  if (auto question = question_for(tool, parameters)) {
    return *question;
  }
  const std::string name = text_of(parameters, "customer_name");
  const std::string phone = text_of(parameters, "phone");
  switch (tool.kind) {
    case ToolKind::kPlaceOrder:
      return order_of(parameters);
    case ToolKind::kBookAppointment:
      return AppointmentRequest{name, phone, text_of(parameters, "service_type"),
                                text_of(parameters, "appointment_date"),
                                text_of(parameters, "appointment_time")};
    case ToolKind::kCreateSupportTicket:
      return TicketRequest{name, text_of(parameters, "issue_description"),
                           text_of(parameters, "category"),
                           priority_named(text_of(parameters, "priority"))};
  }
  return Refusal{};
}

}  // namespace voicectl::runtime
