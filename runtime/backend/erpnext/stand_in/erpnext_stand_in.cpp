// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/stand_in/erpnext_stand_in.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

namespace voicectl::runtime {
namespace {

constexpr std::string_view kMethodPath = "/api/method/";
constexpr std::string_view kResourcePath = "/api/resource/";
constexpr std::string_view kWorkflows = "business_workflows.api.";
/// The site's default, which a request without a company gets silently.
constexpr std::string_view kDefaultCompany = "Default Company";

constexpr std::string_view kUniqueFields[] = {"voice_reference", "session_id"};

HttpResponse with_cookie(HttpResponse response) {
  // Every answer of a real site tries this.
  response.headers.emplace_back("Set-Cookie", "sid=Guest; path=/");
  return response;
}

HttpResponse html_page(int status) {
  return with_cookie(
      {status, {{"Content-Type", "text/html"}}, "<!DOCTYPE html><h1>Not Found</h1>"});
}

double price_of(const Json& item) {
  return item.value("rate", 9.99);
}

Json order_of(const Json& parameters) {
  double total = 0;
  for (const Json& item : parameters.value("items", Json::array())) {
    total += price_of(item) * item.value("quantity", 1);
  }
  Json document = parameters;
  document["total_amount"] = total;
  document["estimated_time"] = 25;
  document["status"] = "Placed";
  return document;
}

Json ticket_of(const Json& parameters) {
  Json document = parameters;
  document["priority"] = parameters.value("priority", "Medium");
  document["expected_resolution_minutes"] = 240;
  return document;
}

/// [field, "=", text] or [field, "in", [text, ...]].
bool fits_filter(const Json& document, const Json& filter) {
  const std::string value = string_or(document, filter.at(0).get<std::string>(), "");
  const Json& wanted = filter.at(2);
  return wanted.is_array() ? std::find(wanted.begin(), wanted.end(), Json(value)) != wanted.end()
                           : wanted == Json(value);
}

/// Frappe gives 20 unless told otherwise, and all for 0.
std::size_t limit_of(const HttpRequest& request) {
  const auto given = request.query.find("limit_page_length");
  std::size_t limit = 20;
  if (given != request.query.end()) {
    (void)std::from_chars(given->second.data(), given->second.data() + given->second.size(), limit);
  }
  return limit == 0 ? SIZE_MAX : limit;
}

}  // namespace

ErpnextStandIn::Options ErpnextStandIn::usual_site() {
  const std::set<std::string> common = {"company", "customer_name", "phone", "voice_reference",
                                        "status"};
  const auto with = [&common](std::set<std::string> more) {
    more.insert(common.begin(), common.end());
    return more;
  };
  Options options;
  options.doctypes["Voice Restaurant Order"] =
      with({"items", "order_type", "delivery_address", "total_amount", "estimated_time"});
  options.doctypes["Voice Appointment"] =
      with({"service_type", "appointment_date", "appointment_time"});
  options.doctypes["Voice Support Ticket"] =
      with({"issue_description", "category", "priority", "expected_resolution_minutes"});
  options.doctypes["Voice Session"] = {
      "company",       "session_id", "ultravox_call_id", "customer_name",     "customer_phone",
      "business_type", "status",     "start_time",       "end_time",          "duration",
      "transcript",    "summary",    "business_outcome", "reference_doctype", "reference_document",
      "tool_calls",    "end_reason"};
  return options;
}

HttpResponse ErpnextStandIn::failure(int status,
                                     const std::string& exception,
                                     const std::string& html) {
  Json body = {{"exc_type", exception}};
  if (!html.empty()) {
    const Json message = {{"message", html}, {"title", "Message"}, {"raise_exception", 1}};
    body["_server_messages"] = dump_json(Json::array({dump_json(message)}));
  }
  return with_cookie(json_response(status, dump_json(body)));
}

HttpResponse ErpnextStandIn::answer(const HttpRequest& request) {
  requests.push_back(request.method + " " + request.path);
  if (before) {
    if (std::optional<HttpResponse> instead = before(request)) {
      return std::move(*instead);
    }
  }
  if (request.header("X-Frappe-Site-Name").value_or("") != options_.site) {
    return html_page(404);
  }
  if (request.path == "/api/method/ping") {
    return with_cookie(json_response(200, R"({"message":"pong"})"));
  }
  const auto authorization = request.header("Authorization");
  if (!authorization) {
    return failure(403, "PermissionError", "Login to access");
  }
  constexpr std::string_view kScheme = "token ";
  const bool is_known =
      authorization->starts_with(kScheme) &&
      options_.tokens.count(std::string(authorization->substr(kScheme.size()))) > 0;
  if (!is_known) {
    return failure(401, "AuthenticationError");
  }
  Result<Json> body = request.body.empty() ? Json::object() : parse_json(request.body);
  if (body.has_error() || !body->is_object()) {
    return failure(500, "JSONDecodeError");
  }
  if (request.path.starts_with(kMethodPath)) {
    return request.method == "POST"
               ? call_method(request.path.substr(kMethodPath.size()), std::move(*body))
               : failure(403, "PermissionError", "Not permitted");
  }
  return request.path.starts_with(kResourcePath) ? answer_resource(request, *body)
                                                 : failure(404, "DoesNotExistError");
}

HttpResponse ErpnextStandIn::answer_resource(const HttpRequest& request, const Json& body) {
  const std::string rest = request.path.substr(kResourcePath.size());
  const std::string doctype = rest.substr(0, rest.find('/'));
  if (options_.doctypes.count(doctype) == 0) {
    return request.method == "POST" ? failure(500, "ImportError")
                                    : failure(404, "DoesNotExistError");
  }
  if (rest.find('/') != std::string::npos) {
    return answer_document(request, doctype, rest.substr(rest.find('/') + 1), body);
  }
  return request.method == "POST" ? make(doctype, body) : list(doctype, request);
}

HttpResponse ErpnextStandIn::answer_document(const HttpRequest& request,
                                             const std::string& doctype,
                                             const std::string& name,
                                             const Json& body) {
  // PATCH is a 404 in this version of the API.
  if (request.method == "PUT") {
    return update(doctype, name, body);
  }
  std::vector<Json>& documents = documents_[doctype];
  const auto found = std::find_if(documents.begin(), documents.end(), [&](const Json& document) {
    return document.at("name") == name;
  });
  if (found == documents.end() || (request.method != "GET" && request.method != "DELETE")) {
    return failure(404, "DoesNotExistError");
  }
  if (request.method == "GET") {
    return with_cookie(json_response(200, dump_json(Json{{"data", *found}})));
  }
  documents.erase(found);
  return with_cookie(json_response(202, R"({"data":"ok"})"));
}

std::optional<HttpResponse> ErpnextStandIn::refuse_taken(const Json& wish) {
  const std::string date = string_or(wish, "appointment_date", "");
  const std::string time = string_or(wish, "appointment_time", "");
  for (const Json& other : documents_["Voice Appointment"]) {
    const bool is_same_request =
        !string_or(wish, "voice_reference", "").empty() &&
        string_or(other, "voice_reference", "") == string_or(wish, "voice_reference", "");
    if (!is_same_request && string_or(other, "company", "") == string_or(wish, "company", "") &&
        string_or(other, "appointment_date", "") == date &&
        string_or(other, "appointment_time", "") == time) {
      const Json free = {{{"date", date}, {"time", "16:00:00"}},
                         {{"date", date}, {"time", "16:30:00"}}};
      return with_cookie(json_response(
          200, dump_json(Json{{"message", {{"status", "partial"}, {"alternative_slots", free}}}})));
    }
  }
  return std::nullopt;
}

void ErpnextStandIn::note_change(const std::string& doctype, Json& document) {
  document["modified"] = fmt::format("2026-12-01 09:00:00.{:06}", ++changes_);
  if (on_change) {
    on_change(doctype, document);
  }
}

Json ErpnextStandIn::all_documents() const {
  Json all = Json::object();
  for (const auto& [doctype, documents] : documents_) {
    all[doctype] = documents;
  }
  return all;
}

std::optional<Json> ErpnextStandIn::change(const std::string& name, const Json& changes) {
  for (auto& [doctype, documents] : documents_) {
    for (Json& document : documents) {
      if (document.at("name") == name) {
        document.update(with_known_fields(doctype, changes));
        note_change(doctype, document);
        return document;
      }
    }
  }
  return std::nullopt;
}

HttpResponse ErpnextStandIn::call_method(const std::string& method, Json parameters) {
  const std::string name =
      method.starts_with(kWorkflows) ? method.substr(kWorkflows.size()) : std::string();
  std::string doctype;
  std::string id;
  if (name == "restaurant_logic.place_order") {
    doctype = "Voice Restaurant Order";
    id = "order_id";
    parameters = order_of(parameters);
  } else if (name == "appointment_logic.book_appointment") {
    doctype = "Voice Appointment";
    id = "appointment_id";
    if (auto taken = refuse_taken(parameters)) {
      return std::move(*taken);
    }
  } else if (name == "support_logic.create_ticket") {
    doctype = "Voice Support Ticket";
    id = "ticket_id";
    parameters = ticket_of(parameters);
  } else {
    return failure(403, "PermissionError", "Function is not whitelisted");
  }
  const HttpResponse made = make(doctype, std::move(parameters));
  if (made.status != 200) {
    return made;
  }
  Json message = parse_json(made.body)->at("data");
  message[id] = message.at("name");
  message["status"] = "success";
  return with_cookie(json_response(200, dump_json(Json{{"message", message}})));
}

Json ErpnextStandIn::with_known_fields(const std::string& doctype, const Json& document) const {
  Json kept = Json::object();
  for (const std::string& field : options_.doctypes.at(doctype)) {
    const auto found = document.find(field);
    if (found != document.end() && !found->is_null()) {
      kept[field] = *found;
    }
  }
  return kept;
}

std::optional<HttpResponse> ErpnextStandIn::refuse_duplicate(const std::string& doctype,
                                                             const Json& document) {
  for (const std::string_view field : kUniqueFields) {
    const std::string value = string_or(document, field, "");
    for (const Json& other : documents_[doctype]) {
      if (!value.empty() && string_or(other, field, "") == value) {
        return failure(417, "UniqueValidationError",
                       fmt::format("<b>{}</b> must be unique", field));
      }
    }
  }
  return std::nullopt;
}

HttpResponse ErpnextStandIn::make(const std::string& doctype, Json document) {
  Json kept = with_known_fields(doctype, document);
  if (auto refused = refuse_duplicate(doctype, kept)) {
    return std::move(*refused);
  }
  if (string_or(kept, "company", "").empty()) {
    kept["company"] = kDefaultCompany;
  }
  // Whatever name was asked for: the series gives another.
  kept["name"] = fmt::format("DOC-{:05}", ++numbers_);
  note_change(doctype, kept);
  documents_[doctype].push_back(kept);
  return with_cookie(json_response(200, dump_json(Json{{"data", kept}})));
}

HttpResponse ErpnextStandIn::list(const std::string& doctype, const HttpRequest& request) {
  const auto given = request.query.find("filters");
  const Result<Json> filters =
      given == request.query.end() ? Json::array() : parse_json(given->second);
  if (filters.has_error() || !filters->is_array()) {
    return failure(500, "JSONDecodeError");
  }
  const std::size_t limit = limit_of(request);
  Json found = Json::array();
  for (const Json& filter : *filters) {
    const std::string field = filter.at(0).get<std::string>();
    if (field != "name" && options_.doctypes.at(doctype).count(field) == 0) {
      return failure(417, "DataError", "Field not permitted in query");
    }
  }
  for (const Json& document : documents_[doctype]) {
    bool fits = true;
    for (const Json& filter : *filters) {
      fits = fits && fits_filter(document, filter);
    }
    if (fits && found.size() < limit) {
      found.push_back(document);
    }
  }
  return with_cookie(json_response(200, dump_json(Json{{"data", found}})));
}

HttpResponse ErpnextStandIn::update(const std::string& doctype,
                                    const std::string& name,
                                    const Json& changes) {
  for (Json& document : documents_[doctype]) {
    if (document.at("name") == name) {
      document.update(with_known_fields(doctype, changes));
      note_change(doctype, document);
      return with_cookie(json_response(200, dump_json(Json{{"data", document}})));
    }
  }
  return failure(404, "DoesNotExistError");
}

std::map<std::string, int> ErpnextStandIn::effects() const {
  std::map<std::string, int> counted;
  for (const auto& [doctype, documents] : documents_) {
    for (const Json& document : documents) {
      const std::string reference = string_or(document, "voice_reference", "");
      if (!reference.empty()) {
        ++counted[reference];
      }
    }
  }
  return counted;
}

}  // namespace voicectl::runtime
