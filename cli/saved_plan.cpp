// SPDX-License-Identifier: Apache-2.0
#include "cli/saved_plan.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/crypto.h"

namespace voicectl {
namespace {

constexpr std::string_view kSchemaFamily = "voicectl/saved-plan/";
constexpr std::string_view kSchema = "voicectl/saved-plan/v1";

/// A plan of ten thousand tenants and their documents.
constexpr JsonBudget kFileBudget{.bytes = 256U << 20, .depth = 32, .nodes = 5'000'000};

Error no_plan(const std::string& name) {
  return Error(
      ErrorCode::kInvalidArgument,
      fmt::format("cannot use '{}': it is no saved plan; 'voicectl plan -f FILE --out PATH' makes "
                  "one, and documents are applied with -f",
                  name));
}

Status check_schema(const Json& file, const std::string& name) {
  const std::string schema = file.is_object() ? string_or(file, "schema", "") : "";
  if (schema == kSchema) {
    return ok_status();
  }
  if (!schema.starts_with(kSchemaFamily)) {
    return no_plan(name);
  }
  return Error(ErrorCode::kConflict,
               fmt::format("cannot use '{}': it is of schema '{}', which another version of "
                           "voicectl has written, and this one reads '{}'; plan again",
                           name, schema, kSchema));
}

/// Whoever changes the file must not find the change applied under the name of what was reviewed.
Status check_whole(const Json& file, const std::string& name) {
  Json body = file;
  body.erase("checksum");
  const auto plan = file.find("plan");
  const bool is_whole = string_or(file, "checksum", "") == sha256_hex(dump_json(body)) &&
                        plan != file.end() && plan->is_object() &&
                        string_or(file, "plan_id", "?") == string_or(*plan, "id", "");
  return is_whole ? ok_status()
                  : Status(Error(ErrorCode::kCorrupt,
                                 fmt::format("cannot use '{}': it is not as it was written (its "
                                             "checksum differs); plan again",
                                             name)));
}

}  // namespace

std::string render_saved_plan(const Json& answer, const SavedPlanNote& note) {
  const Json& plan = answer.at("plan");
  Json body = {{"schema", kSchema},
               {"made_at", note.made_at},
               {"made_by", note.made_by},
               {"program", VOICECTL_VERSION},
               {"platform_id", string_or(answer, "platform_id", "")},
               {"plan_id", string_or(plan, "id", "")},
               {"base_generation", integer_or(plan, "base_generation", 0)},
               {"base_revision", integer_or(answer, "revision", 0)},
               {"plan", plan},
               {"document", note.document}};
  body["checksum"] = sha256_hex(dump_json(body));
  return body.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Json> parse_saved_plan(std::string_view text, const std::string& name) {
  Result<Json> file = parse_json(text, kFileBudget);
  if (file.has_error()) {
    return file.error().code() == ErrorCode::kResourceExhausted
               ? Result<Json>(file.error().with_context("reading '" + name + "'"))
               : Result<Json>(no_plan(name));
  }
  VC_TRY(check_schema(*file, name));
  VC_TRY(check_whole(*file, name));
  return file;
}

}  // namespace voicectl
