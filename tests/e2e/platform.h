// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/command.h"
#include "tests/support/temp_dir.h"

namespace voicectl::e2e {

using nlohmann::json;

/// A platform of the built programs in a temporary workspace, on ports of its own, with the three
/// demo businesses; brought down when the test ends, whatever came of it.
class Platform {
 public:
  /// `ports`: how many the platform may lease. One that was given back rests for ten minutes.
  explicit Platform(int ports = 40);
  ~Platform();
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  /// `voicectl <words...>` against this platform.
  Finished voicectl(std::vector<std::string> words) const;
  /// The same with `-o json`, read; a failure fails the test.
  json voicectl_json(std::vector<std::string> words) const;
  /// The control API's answer to this process, as it came, head and all.
  std::string post(const std::string& target, const json& body) const;

  /// `voicectl up -f <the file>`; fails the test if it does.
  void up();
  Finished down() const;

  /// "dynamic" unless said otherwise.
  void set_edge_mode(std::string mode);
  /// 1 unless said otherwise.
  void set_pool_size(int size);
  /// From now on the platform's file has this line of YAML in its `platform`.
  void set_platform_line(std::string line);
  /// The key that the platform has at Ultravox, and its stand-in asks for.
  void set_ultravox_key(const std::string& key);
  /// Writes the platform's file with `extra` YAML added to its tenants; returns its path.
  std::string write_file(const std::string& extra = "") const;
  /// A restaurant of two lines of menu, as YAML of one tenant.
  static std::string small_restaurant(const std::string& slug, const std::string& more = "");

  /// Makes an API key and returns the path of a file that holds it.
  std::string key_file(const std::string& tenant, const std::string& scope = "admin") const;

  /// Holds a conversation as a customer of the tenant; the caller's report.
  json call(const std::string& tenant) const;
  /// A load of the caller's, running.
  std::vector<std::string> load_command(const std::string& tenant,
                                        double seconds,
                                        const std::vector<std::string>& more = {}) const;

  std::string path(const std::string& name) const { return folder_.path(name); }
  std::string workspace() const { return folder_.path() + "/ws"; }
  std::string run_folder() const;
  int http_port() const { return http_port_; }
  int https_port() const { return https_port_; }
  int pid_of_daemon() const;
  int pid_of_instance(const std::string& instance) const;
  /// Starts voicectld again after it was killed.
  void restart_daemon() { up(); }

  static std::string bin(const std::string& program);

 private:
  TempDir folder_;
  std::string platform_line_;
  std::string ultravox_key_file_;
  std::string edge_mode_ = "dynamic";
  int pool_size_ = 1;
  int http_port_ = free_port();
  int https_port_ = free_port();
  int standin_port_ = free_port();
  int ports_;
  int first_port_;
};

}  // namespace voicectl::e2e
