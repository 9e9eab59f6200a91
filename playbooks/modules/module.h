// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "playbooks/ssh_transport.h"

namespace voicectl {

/// One difference between a host and what is asked, and the command or file that takes it away.
struct Change {
  /// For people: "mode 0644 -> 0600".
  std::string text;
  /// Either a command, or, where `upload_path` is set, a file.
  RemoteCommand command{};
  std::string upload_path{};
  std::string upload_content{};
  FileMode upload_mode = kPrivateFile;
};

/// One task of a playbook, bound to its arguments: probe, pure diff, act. What the diff says is
/// all that acting does, so a check says exactly what a run would change.
class Module {
 public:
  virtual ~Module() = default;

  /// For people, where the task has no name.
  virtual std::string describe() const = 0;

  /// Looks at the host and changes nothing; empty if all is as asked.
  /// ERRORS: kConflict if it is not as asked and no change of this module would mend it; those of
  /// the transport.
  virtual Result<std::vector<Change>> find_changes(SshTransport& host) const = 0;
};

/// Arguments of a task as the document has them: each a text or a list of texts.
class ModuleArguments {
 public:
  void add(std::string key, std::vector<std::string> values);

  /// Each marks the key as known.
  /// ERRORS: kInvalidArgument if it is missing where it is required, or a list where one is asked.
  Result<std::string> require_text(const std::string& key);
  Result<std::string> text_or(const std::string& key, std::string fallback);
  Result<std::vector<std::string>> require_list(const std::string& key);
  /// An octal mode such as "0644", within 0 and 07777.
  Result<FileMode> mode_or(const std::string& key, FileMode fallback);
  /// An absolute path without "..".
  Result<std::string> require_path(const std::string& key);

  /// ERRORS: kInvalidArgument if a key was given that nobody asked for.
  Status check_all_known() const;

 private:
  struct Argument {
    std::vector<std::string> values;
    bool is_known = false;
  };
  Argument* find(const std::string& key);

  std::map<std::string, Argument> arguments_;
};

/// The module of that name with its arguments.
/// ERRORS: kNotFound for an unknown name; kInvalidArgument for arguments that are none.
Result<std::shared_ptr<const Module>> make_module(std::string_view name, ModuleArguments arguments);

/// Carries out one change.
/// ERRORS: kInternal if its command fails, with what it wrote; those of the transport.
Status make_change(const Change& change, SshTransport& host);

}  // namespace voicectl
