// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/faults.h"

#include <nlohmann/json.hpp>

#include "runtime/ultravox/stand_in/json_member.h"

namespace voicectl::ultravox {
namespace {

bool is_error_status(const std::string& text) {
  return text.size() == 3 && (text[0] == '4' || text[0] == '5') &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

std::optional<std::int64_t> count_in(const Json& body, std::string_view key) {
  const Json& value = member_or_null(body, key);
  const bool counts = value.is_number_integer() && value.get<std::int64_t>() >= 0;
  return counts ? std::optional(value.get<std::int64_t>()) : std::nullopt;
}

}  // namespace

Status Faults::set(const Json& body) {
  const Json& create = member_or_null(body, "create");
  const std::string kind =
      create.is_number_integer() ? create.dump() : string_or(body, "create", "");
  if (kind != "off" && kind != "timeout" && !is_error_status(kind)) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot set this fault: 'create' must be a status of 400 to 599, 'timeout' or "
                 "'off'");
  }
  create_ = kind;
  retry_after_ = count_in(body, "retry_after");
  times_left_ = count_in(body, "times");
  return ok_status();
}

std::optional<Faults::Fault> Faults::take_for_create() {
  if (create_ == "off" || times_left_ == 0) {
    return std::nullopt;
  }
  if (times_left_) {
    --*times_left_;
  }
  if (create_ == "timeout") {
    return Fault{};
  }
  const Json body = {{"detail", "A fault was asked for"}};
  HttpResponse answer = json_response(std::stoi(create_), dump_json(body));
  if (retry_after_) {
    answer.headers.emplace_back("Retry-After", std::to_string(*retry_after_));
  }
  return Fault{std::move(answer)};
}

std::string Faults::render() const {
  Json out = {{"create", times_left_ == 0 ? "off" : create_}};
  if (retry_after_) {
    out["retry_after"] = *retry_after_;
  }
  if (times_left_) {
    out["times"] = *times_left_;
  }
  return dump_json(out);
}

}  // namespace voicectl::ultravox
