// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/os/asio_reactor.h"
#include "base/os/posix_file_system.h"
#include "runtime/backend/erpnext/erpnext_client.h"
#include "runtime/backend/erpnext/stand_in/development_site.h"
#include "runtime/net/development_server.h"
#include "runtime/net/http_client.h"

namespace voicectl::runtime {
namespace {

struct CommandLine {
  std::string listen = "127.0.0.1:8000";
  std::optional<int> listen_fd;
  std::string credentials_file;
  std::string site;
  std::vector<std::string> webhooks;
  std::string connect_to;
};

void describe(CLI::App& app, CommandLine& line) {
  app.description(
      "Answers like a Frappe site with ERPNext and the app business_workflows, as far as voicectl\n"
      "asks one, for development without a site. Keeps everything in memory.\n"
      "Prints {\"listening\":\"127.0.0.1:8000\"} once it answers.");
  app.add_option("--listen", line.listen, "address on this machine; port 0 takes a free one");
  app.add_option("--listen-fd", line.listen_fd, "inherited listening socket instead of --listen");
  app.add_option("--credentials-file", line.credentials_file,
                 "the file that the tenant's backend.credentials_file names")
      ->required();
  app.add_option("--site", line.site,
                 "name that X-Frappe-Site-Name must hold; without it none may be sent");
  app.add_option("--webhook", line.webhooks,
                 "COMPANY=URL: where changes of that company's documents are told; repeatable");
  app.add_option("--connect-to", line.connect_to,
                 "send webhooks to this address:port, whatever host they name");
}

Result<DevelopmentSite::Options> make_options(FileSystem& files, const CommandLine& line) {
  const std::string path =
      std::filesystem::absolute(line.credentials_file).lexically_normal().string();
  DevelopmentSite::Options options;
  options.site = ErpnextStandIn::usual_site();
  options.site.site = line.site;
  VC_TRY(const Secret own, erpnext_credentials_from_file(files, path)());
  VC_TRY(const Secret direct, erpnext_direct_credential(files, path));
  options.site.tokens = {own.reveal(), direct.reveal()};
  VC_TRY(const std::vector<Secret> secrets, erpnext_webhook_secrets(files, path));
  if (!secrets.empty()) {
    options.webhook_secret = secrets.front();
  }
  for (const std::string& webhook : line.webhooks) {
    const std::size_t equals = webhook.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == webhook.size()) {
      return Error(ErrorCode::kInvalidArgument,
                   "cannot use --webhook '" + webhook + "': write it as COMPANY=URL");
    }
    options.webhooks[webhook.substr(0, equals)] = webhook.substr(equals + 1);
  }
  return options;
}

Status serve(const CommandLine& line) {
  PosixFileSystem files;
  VC_TRY(LoopbackListener listener,
         line.listen_fd ? inherit_listener(*line.listen_fd) : listen_at(line.listen));
  VC_TRY(DevelopmentSite::Options options, make_options(files, line));

  AsioReactor reactor;
  HttpClient http(reactor);
  http.set_connect_to(line.connect_to);
  DevelopmentSite site(reactor, http, std::move(options));
  HttpServer::Handlers handlers;
  handlers.on_request = [&](const HttpRequest& request, std::shared_ptr<Responder> responder) {
    site.answer(request, std::move(responder));
  };
  serve_until_stopped(reactor, std::move(listener), std::move(handlers));
  return ok_status();
}

}  // namespace
}  // namespace voicectl::runtime

int main(int argc, char** argv) {
  CLI::App app;
  voicectl::runtime::CommandLine line;
  voicectl::runtime::describe(app, line);
  CLI11_PARSE(app, argc, argv);
  try {
    const voicectl::Status status = voicectl::runtime::serve(line);
    if (status.has_error()) {
      std::fprintf(stderr, "voicectl-erpnext-standin: %s\n", status.error().text().c_str());
      return 1;
    }
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "voicectl-erpnext-standin: cannot go on: %s\n", problem.what());
    return 1;
  }
}
