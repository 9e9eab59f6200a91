// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/os/posix_file_system.h"
#include "base/os/system_clock.h"
#include "runtime/archive/operations.h"

namespace voicectl::runtime {
namespace {

constexpr int kFailed = 1;

constexpr std::uint64_t kRowsBetweenWords = 20'000;
constexpr std::uint64_t kBytesBetweenWords = 32U << 20;

void say(const Json& line) {
  fmt::print("{}\n", dump_json(line));
  std::fflush(stdout);
}

/// Says how far it is, now and then.
std::function<void(std::uint64_t)> progress(std::string_view of, std::uint64_t between) {
  return [of, between, next = between](std::uint64_t done) mutable {
    if (done >= next) {
      next = done + between;
      say({{"type", "progress"}, {"of", of}, {"done", done}});
    }
  };
}

using Operation = std::function<Result<Json>(const ArchiveDeps&)>;

/// The last line says what came of it.
int carry_out(const Operation& operation) {
  PosixFileSystem files;
  SystemRandom random;
  const SystemWallClock clock;
  const ArchiveDeps deps{files, random, clock, progress("rows", kRowsBetweenWords),
                         progress("bytes", kBytesBetweenWords)};
  Result<Json> outcome = operation(deps);
  if (outcome.has_error()) {
    say({{"type", "error"},
         {"code", name_of(outcome.error().code())},
         {"message", outcome.error().text()}});
    return kFailed;
  }
  (*outcome)["type"] = "done";
  say(*outcome);
  return 0;
}

Result<std::optional<TenantId>> optional_name(const std::string& name) {
  if (name.empty()) {
    return std::optional<TenantId>();
  }
  VC_TRY(TenantId id, TenantId::parse(name));
  return std::optional(std::move(id));
}

int run_program(int argc, char** argv) {
  CLI::App app(
      "Takes a tenant's data out of a platform and puts them into one, for voicectl. Prints one "
      "JSON object a line; the last one says what came of it.",
      "voicectl-archive");
  app.require_subcommand(1);
  ExportRequest exporting;
  ImportRequest importing;
  std::string name;
  std::string state;
  std::string folder;
  CLI::App* const out = app.add_subcommand("export", "Write a tenant's archive");
  out->add_option("--config", exporting.config_path)->required();
  out->add_option("--data", exporting.data_folder)->required();
  out->add_option("--document", exporting.document_path)->required();
  out->add_option("--secrets", exporting.secrets_path);
  out->add_option("--keys", exporting.keys_path);
  out->add_option("--file", exporting.archive_path)->required();
  CLI::App* const in = app.add_subcommand("import", "Check an archive and stage it for the daemon");
  CLI::App* const discard = app.add_subcommand("discard", "Take a staged import back");
  in->add_option("--file", importing.archive_path)->required();
  in->add_option("--as", name);
  in->add_option("--retired", importing.retired_folder);
  for (CLI::App* const one : {in, discard}) {
    one->add_option("--stage", importing.stage)->required();
    one->add_option("--redis-url", importing.redis_url);
    one->add_option("--redis-password-file", importing.redis_password_path);
  }
  CLI::App* const check = app.add_subcommand("check", "Look at all that a tenant has");
  check->add_option("--config", exporting.config_path)->required();
  check->add_option("--data", exporting.data_folder)->required();
  CLI::App* const retired = app.add_subcommand("retired", "List what deleted tenants left");
  retired->add_option("--state", state)->required();
  CLI::App* const purge = app.add_subcommand("purge", "Remove what a deleted tenant left");
  purge->add_option("--folder", folder)->required();
  app.set_version_flag("--version", VOICECTL_VERSION);
  CLI11_PARSE(app, argc, argv);
  return carry_out([&](const ArchiveDeps& deps) -> Result<Json> {
    VC_TRY(importing.name, optional_name(name));
    if (out->parsed()) {
      return export_tenant(deps, exporting);
    }
    if (in->parsed()) {
      return import_tenant(deps, importing);
    }
    if (discard->parsed()) {
      VC_TRY(discard_import(deps, importing));
      return Json::object();
    }
    if (check->parsed()) {
      return check_tenant(deps, exporting.config_path, exporting.data_folder);
    }
    return retired->parsed() ? list_retired(deps, state) : purge_retired(deps, folder);
  });
}

}  // namespace
}  // namespace voicectl::runtime

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  // Who asked is gone: nobody would hear what came of it.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::umask(077);
  try {
    return voicectl::runtime::run_program(argc, argv);
  } catch (const std::exception& problem) {
    fmt::print("{}\n", nlohmann::json{{"type", "error"},
                                      {"code", "internal"},
                                      {"message", std::string("cannot go on: ") + problem.what()}}
                           .dump());
    return 1;
  }
}
