// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/reactor.h"
#include "base/result.h"
#include "base/secret.h"
#include "runtime/backend/erpnext/stand_in/erpnext_stand_in.h"
#include "runtime/backend/erpnext/stand_in/site_faults.h"
#include "runtime/net/http_client.h"
#include "runtime/net/http_server.h"

namespace voicectl::runtime {

/// The stand-in as a server: Frappe's routes, webhooks that it sends, and `/dev` routes to look at
/// its documents, change them and make it fail.
///
/// A webhook goes out when a document was made and whenever it changes, as Frappe's `on_update`
/// does: after the answer was decided, with three tries in all. What it says is signed with the
/// first secret.
/// THREADS: loop thread only.
class DevelopmentSite {
 public:
  struct Options {
    ErpnextStandIn::Options site;
    /// Where each company's webhooks go.
    std::map<std::string, std::string> webhooks;
    /// Empty: unsigned.
    Secret webhook_secret;
  };

  /// REQUIRES: `reactor` and `http` outlive it.
  DevelopmentSite(Reactor& reactor, HttpClient& http, Options options);
  ~DevelopmentSite();
  DevelopmentSite(const DevelopmentSite&) = delete;
  DevelopmentSite& operator=(const DevelopmentSite&) = delete;

  void answer(const HttpRequest& request, std::shared_ptr<Responder> responder);

 private:
  HttpResponse answer_developer(const HttpRequest& request);
  HttpResponse change(const std::string& name, const std::string& body);
  void tell(const Json& document);
  void send(HttpCall call, int tries);

  Reactor& reactor_;
  HttpClient& http_;
  Options options_;
  ErpnextStandIn site_;
  SiteFaults faults_;
  /// Answers that are never sent: dropping one would send a 500.
  std::vector<std::shared_ptr<Responder>> unanswered_;
  std::shared_ptr<DevelopmentSite*> self_;
};

}  // namespace voicectl::runtime
