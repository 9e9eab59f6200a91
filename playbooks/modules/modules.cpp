// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <array>

#include "playbooks/modules/host_file.h"
#include "playbooks/modules/module.h"
#include "playbooks/modules/package.h"

namespace voicectl {
namespace {

class FileModule final : public Module {
 public:
  static Result<std::shared_ptr<const Module>> make(ModuleArguments& arguments) {
    FileSpec spec;
    VC_TRY(spec.path, arguments.require_path("path"));
    VC_TRY(spec.content, arguments.require_text("content"));
    VC_TRY(spec.mode, arguments.mode_or("mode", spec.mode));
    VC_TRY(spec.owner, arguments.text_or("owner", ""));
    VC_TRY(spec.group, arguments.text_or("group", ""));
    return std::shared_ptr<const Module>(new FileModule(std::move(spec)));
  }
  std::string describe() const override { return "file " + spec_.path; }
  Result<std::vector<Change>> find_changes(SshTransport& host) const override {
    VC_TRY(const std::optional<PathState> found, probe_path(host, spec_.path));
    return diff_file(spec_, found);
  }

 private:
  explicit FileModule(FileSpec spec) : spec_(std::move(spec)) {}
  FileSpec spec_;
};

class DirectoryModule final : public Module {
 public:
  static Result<std::shared_ptr<const Module>> make(ModuleArguments& arguments) {
    DirectorySpec spec;
    VC_TRY(spec.path, arguments.require_path("path"));
    VC_TRY(spec.mode, arguments.mode_or("mode", spec.mode));
    VC_TRY(spec.owner, arguments.text_or("owner", ""));
    VC_TRY(spec.group, arguments.text_or("group", ""));
    return std::shared_ptr<const Module>(new DirectoryModule(std::move(spec)));
  }
  std::string describe() const override { return "folder " + spec_.path; }
  Result<std::vector<Change>> find_changes(SshTransport& host) const override {
    VC_TRY(const std::optional<PathState> found, probe_path(host, spec_.path));
    return diff_directory(spec_, found);
  }

 private:
  explicit DirectoryModule(DirectorySpec spec) : spec_(std::move(spec)) {}
  DirectorySpec spec_;
};

class PackageModule final : public Module {
 public:
  static Result<std::shared_ptr<const Module>> make(ModuleArguments& arguments) {
    VC_TRY(std::vector<std::string> names, arguments.require_list("names"));
    for (const std::string& name : names) {
      VC_TRY(check_package_name(name));
    }
    return std::shared_ptr<const Module>(new PackageModule(std::move(names)));
  }
  std::string describe() const override {
    return fmt::format("packages {}", fmt::join(names_, ", "));
  }
  Result<std::vector<Change>> find_changes(SshTransport& host) const override {
    VC_TRY(const std::set<std::string> installed, probe_packages(host, names_));
    return diff_packages(names_, installed);
  }

 private:
  explicit PackageModule(std::vector<std::string> names) : names_(std::move(names)) {}
  std::vector<std::string> names_;
};

/// Runs a command unless another one says that its work is done.
class CommandModule final : public Module {
 public:
  static Result<std::shared_ptr<const Module>> make(ModuleArguments& arguments) {
    VC_TRY(std::vector<std::string> run, arguments.require_list("run"));
    VC_TRY(std::vector<std::string> unless, arguments.require_list("unless"));
    return std::shared_ptr<const Module>(new CommandModule({std::move(run)}, {std::move(unless)}));
  }
  std::string describe() const override { return voicectl::describe(run_); }
  Result<std::vector<Change>> find_changes(SshTransport& host) const override {
    VC_TRY(const CommandOutcome probe, host.run(unless_));
    if (probe.succeeded()) {
      return std::vector<Change>();
    }
    return std::vector<Change>{Change{"run " + voicectl::describe(run_), run_}};
  }

 private:
  CommandModule(RemoteCommand run, RemoteCommand unless)
      : run_(std::move(run)), unless_(std::move(unless)) {}
  RemoteCommand run_;
  RemoteCommand unless_;
};

/// Asks for something that only a person can change.
class ExpectModule final : public Module {
 public:
  static Result<std::shared_ptr<const Module>> make(ModuleArguments& arguments) {
    VC_TRY(std::vector<std::string> run, arguments.require_list("run"));
    VC_TRY(std::string output, arguments.text_or("output", ""));
    VC_TRY(std::string remedy, arguments.require_text("remedy"));
    return std::shared_ptr<const Module>(
        new ExpectModule({std::move(run)}, std::move(output), std::move(remedy)));
  }
  std::string describe() const override { return voicectl::describe(run_); }
  Result<std::vector<Change>> find_changes(SshTransport& host) const override {
    VC_TRY(const CommandOutcome outcome, host.run(run_));
    if (outcome.succeeded() && outcome.out.find(output_) != std::string::npos) {
      return std::vector<Change>();
    }
    const std::string found = outcome.succeeded()
                                  ? fmt::format("it does not say '{}'", output_)
                                  : fmt::format("it exits with {}", outcome.exit_code);
    return Error(ErrorCode::kConflict, fmt::format("cannot accept this host: '{}': {}; {}",
                                                   voicectl::describe(run_), found, remedy_));
  }

 private:
  ExpectModule(RemoteCommand run, std::string output, std::string remedy)
      : run_(std::move(run)), output_(std::move(output)), remedy_(std::move(remedy)) {}
  RemoteCommand run_;
  std::string output_;
  std::string remedy_;
};

struct Maker {
  std::string_view name;
  Result<std::shared_ptr<const Module>> (*make)(ModuleArguments&);
};

constexpr std::array kMakers = {
    Maker{"command", CommandModule::make}, Maker{"directory", DirectoryModule::make},
    Maker{"expect", ExpectModule::make},   Maker{"file", FileModule::make},
    Maker{"package", PackageModule::make},
};

}  // namespace

Result<std::shared_ptr<const Module>> make_module(std::string_view name,
                                                  ModuleArguments arguments) {
  std::string known;
  for (const Maker& maker : kMakers) {
    if (maker.name == name) {
      VC_TRY(std::shared_ptr<const Module> module, maker.make(arguments));
      VC_TRY(arguments.check_all_known());
      return module;
    }
    known += known.empty() ? "" : ", ";
    known += maker.name;
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("cannot find module '{}': allowed are {}", name, known));
}

Status make_change(const Change& change, SshTransport& host) {
  if (!change.upload_path.empty()) {
    return host.upload(change.upload_content, change.upload_path, change.upload_mode);
  }
  VC_TRY(const CommandOutcome outcome, host.run(change.command));
  if (outcome.succeeded()) {
    return ok_status();
  }
  return Error(ErrorCode::kInternal,
               fmt::format("cannot finish '{}': it exits with {} ({})", describe(change.command),
                           outcome.exit_code, std::string_view(outcome.err).substr(0, 400)));
}

}  // namespace voicectl
