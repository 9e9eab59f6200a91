// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/backend/erpnext/stand_in/erpnext_stand_in.h"
#include "runtime/net/http_server.h"
#include "tests/integration/runtime/runtime_fixture.h"

namespace voicectl::runtime {

/// The stand-in over real HTTP; it can leave requests without an answer.
class ErpnextServer {
 public:
  explicit ErpnextServer(AsioReactor& reactor)
      : server_(reactor,
                {[this](HttpRequest request, std::shared_ptr<Responder> responder) {
                   HttpResponse response = site.answer(request);
                   if (is_mute) {
                     unanswered_.emplace_back(responder, std::move(response));
                   } else {
                     responder->send(std::move(response));
                   }
                 },
                 {}}) {
    FreePort port = bind_free_port();
    url = fmt::format("http://127.0.0.1:{}", port.number);
    server_.serve(std::move(port.listener));
  }

  /// Sends the answers that were held back.
  void speak() {
    is_mute = false;
    for (auto& [responder, response] : unanswered_) {
      responder->send(std::move(response));
    }
    unanswered_.clear();
  }

  ErpnextStandIn site{ErpnextStandIn::usual_site()};
  std::string url;
  bool is_mute = false;

 private:
  std::vector<std::pair<std::shared_ptr<Responder>, HttpResponse>> unanswered_;
  HttpServer server_;
};

}  // namespace voicectl::runtime
