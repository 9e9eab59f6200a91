// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/edge_record.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl {
namespace {

constexpr std::size_t kMostRecordBytes = 4096;

Result<EdgeRecord> parse_record(const std::string& text) {
  VC_TRY(const Json json, parse_json(text));
  VC_TRY(const std::int64_t pid, require_integer(json, "pid"));
  VC_TRY(const std::int64_t ticks, require_integer(json, "start_ticks"));
  VC_TRY(const std::string boot, require_string(json, "boot_id"));
  if (pid <= 0 || pid > INT32_MAX || ticks < 0) {
    return Error(ErrorCode::kCorrupt, "cannot use the record of the edge: it names no process");
  }
  EdgeRecord record{{static_cast<int>(pid), static_cast<std::uint64_t>(ticks), boot},
                    string_or(json, "fingerprint", ""),
                    std::nullopt};
  if (json.contains("domain")) {
    VC_TRY(HostName domain, HostName::parse(string_or(json, "domain", "")));
    record.domain = std::move(domain);
  }
  return record;
}

}  // namespace

Status store_edge_record(FileSystem& files, const std::string& path, const EdgeRecord& record) {
  Json json = {{"pid", record.process.pid},
               {"start_ticks", record.process.start_ticks},
               {"boot_id", record.process.boot_id},
               {"fingerprint", record.fingerprint}};
  if (record.domain) {
    json["domain"] = record.domain->str();
  }
  return files.replace_atomically(path, dump_json(json), kPrivateFile);
}

std::optional<EdgeRecord> load_edge_record(FileSystem& files, const std::string& path) {
  const Result<std::optional<std::string>> text = files.read(path, kMostRecordBytes);
  if (text.has_error() || !text->has_value()) {
    return std::nullopt;
  }
  Result<EdgeRecord> record = parse_record(**text);
  return record.has_value() ? std::optional<EdgeRecord>(std::move(*record)) : std::nullopt;
}

}  // namespace voicectl
