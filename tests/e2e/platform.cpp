// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/platform.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/os/unique_fd.h"

namespace voicectl::e2e {

std::string Platform::bin(const std::string& program) {
  return std::string(VOICECTL_BIN) + "/" + program;
}

Platform::Platform(int ports) : ports_(ports), first_port_(free_port_range(ports)) {
  std::filesystem::copy(std::string(VOICECTL_SOURCE) + "/examples/qastco",
                        folder_.path() + "/qastco");
  write_file();
}

Platform::~Platform() {
  const Finished ended = down();
  EXPECT_EQ(ended.code, 0) << ended.out << ended.err;
}

void Platform::set_edge_mode(std::string mode) {
  edge_mode_ = std::move(mode);
  write_file();
}

void Platform::set_platform_line(std::string line) {
  platform_line_ = "  " + std::move(line);
  write_file();
}

void Platform::set_pool_size(int size) {
  pool_size_ = size;
  write_file();
}

void Platform::set_ultravox_key(const std::string& key) {
  ultravox_key_file_ = folder_.path() + "/ultravox.key";
  std::ofstream(ultravox_key_file_) << key << "\n";
  std::filesystem::permissions(
      ultravox_key_file_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  write_file();
}

std::string Platform::write_file(const std::string& extra) const {
  const std::string path = folder_.path() + "/platform.yaml";
  std::ofstream file(path);
  file << fmt::format(R"(apiVersion: voicectl/v1
platform:
  domain: qastco.com
  edge: {{ mode: {}, address: 127.0.0.1, http_port: {}, https_port: {} }}
  ports: {{ range: "{}-{}" }}
  pool: {{ size: {} }}
  ultravox: {{ endpoint: "http://127.0.0.1:{}/api"{} }}
{}
tenants:
  - slug: mario-pizza
    name: Mario's Pizza Palace
    business_type: restaurant
    plan: professional
    demo: true
    menu_file: qastco/restaurant-menu.yaml
    limits:
      api_requests: 1000000
      api_requests_per_key: 1000000
  - slug: dr-smith
    name: Dr. Sarah Smith Clinic
    business_type: appointment
    plan: professional
    demo: true
    opening_hours: {{ monday: "00:00-24:00", tuesday: "00:00-24:00", wednesday: "00:00-24:00",
      thursday: "00:00-24:00", friday: "00:00-24:00", saturday: "00:00-24:00",
      sunday: "00:00-24:00" }}
    services_file: qastco/medical-services.yaml
  - slug: techsupport
    name: TechSupport Pro
    business_type: support
    plan: professional
    demo: true
    support_categories_file: qastco/support-categories.yaml
{})",
                      edge_mode_, http_port_, https_port_, first_port_, first_port_ + ports_ - 1,
                      pool_size_, standin_port_,
                      ultravox_key_file_.empty() ? "" : ", api_key_file: " + ultravox_key_file_,
                      platform_line_, extra);
  return path;
}

std::string Platform::small_restaurant(const std::string& slug, const std::string& more) {
  return fmt::format(
      "  - {{ slug: {0}, name: {0}, business_type: restaurant, plan: enterprise{1}, "
      "menu: [ {{ name: Soup, price: \"4.50\" }} ] }}\n",
      slug, more);
}

Finished Platform::voicectl(std::vector<std::string> words) const {
  words.insert(words.begin(), {bin("voicectl"), "--socket", run_folder() + "/control.sock"});
  return run(words);
}

json Platform::voicectl_json(std::vector<std::string> words) const {
  words.insert(words.end(), {"-o", "json"});
  const Finished finished = voicectl(std::move(words));
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  return json::parse(finished.out, nullptr, false);
}

std::string Platform::post(const std::string& target, const json& body) const {
  const std::string path = run_folder() + "/control.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string text = body.dump();
  const std::string request = fmt::format(
      "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}", target,
      text.size(), text);
  EXPECT_EQ(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  std::array<char, 4096> piece{};
  for (ssize_t got = 1; got > 0;) {
    got = ::recv(socket.get(), piece.data(), piece.size(), 0);
    answer.append(piece.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  return answer;
}

void Platform::up() {
  const Finished started = run(
      {bin("voicectl"), "up", "--workspace", workspace(), "-f", folder_.path() + "/platform.yaml"});
  ASSERT_EQ(started.code, 0) << started.out << started.err;
}

Finished Platform::down() const {
  return run({bin("voicectl"), "down", "--workspace", workspace(), "--yes"});
}

std::string Platform::run_folder() const {
  std::ifstream file(workspace() + "/workspace.json");
  const json workspace_file = json::parse(file, nullptr, false);
  return workspace_file.is_object() ? workspace_file.value("run", "") : "";
}

int Platform::pid_of_daemon() const {
  return voicectl_json({"status"})["daemon"].value("pid", -1);
}

int Platform::pid_of_instance(const std::string& instance) const {
  const json answer = voicectl_json({"ps"});
  const json list =
      answer.is_object() && answer.contains("instances") ? answer["instances"] : answer;
  for (const json& one : list) {
    if (one.value("instance", "") == instance) {
      return one.value("pid", -1);
    }
  }
  ADD_FAILURE() << "no instance " << instance << " in " << answer.dump();
  return -1;
}

std::string Platform::key_file(const std::string& tenant, const std::string& scope) const {
  const json made = voicectl_json({"tenant", "key", "create", tenant, "--scope", scope});
  const std::string path = folder_.path() + "/" + tenant + "." + scope + ".key";
  std::ofstream(path) << made.value("key", "") << "\n";
  return path;
}

json Platform::call(const std::string& tenant) const {
  const Finished finished =
      run({bin("voicectl-caller"), "call", "--port", std::to_string(http_port_), "--host",
           tenant + ".qastco.com", "--key-file", key_file(tenant, "widget"), "--json"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  return json::parse(finished.out, nullptr, false);
}

std::vector<std::string> Platform::load_command(const std::string& tenant,
                                                double seconds,
                                                const std::vector<std::string>& more) const {
  std::vector<std::string> words = {bin("voicectl-caller"),
                                    "load",
                                    "--port",
                                    std::to_string(http_port_),
                                    "--host",
                                    tenant + ".qastco.com",
                                    "--seconds",
                                    fmt::format("{}", seconds)};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace voicectl::e2e
