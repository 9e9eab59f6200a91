// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/os/file_system.h"
#include "base/os/reactor.h"
#include "base/result.h"
#include "base/secret.h"
#include "runtime/backend/erpnext/erpnext_answer.h"
#include "runtime/backend/erpnext/erpnext_settings.h"
#include "runtime/net/http_client.h"

namespace voicectl::runtime {

/// What requests to a site came to.
struct ErpnextFigures {
  /// By the verdict on the answer, or "unreachable" and "timeout" where there was none.
  std::map<std::string, std::uint64_t, std::less<>> requests;
  /// From each request to its answer, summed up.
  Duration waited{0};
};

/// Speaks Frappe's REST API to one site. Never retries by itself.
///
/// Authorises by token, keeps no cookies (a cookie's user would win over the token's), and takes
/// answers of bounded size in bounded time. While the site asks for quiet, requests fail without
/// being sent.
/// THREADS: loop thread only. Completions do not run once the client is gone.
class ErpnextClient {
 public:
  using Transport = std::function<void(HttpCall, Completion<HttpResponse>)>;
  using Credentials = std::function<Result<Secret>()>;
  /// Any answer of the site is success. ERRORS: kUnavailable (its certificate does not prove it, or
  /// its address is not allowed, among others), kTimeout (the request may have had its effect);
  /// kResourceExhausted (not sent); kCorrupt (an answer that is too long: the request may have had
  /// its effect); what `credentials` says.
  using OnAnswer = Completion<ErpnextAnswer>;

  struct Deps {
    Reactor& reactor;
    Transport transport;
    Credentials credentials;
  };

  /// REQUIRES: what `deps` refers to outlives it.
  ErpnextClient(Deps deps, ErpnextSettings settings);

  /// For the requests that come; one that is under way is not touched.
  void reconfigure(ErpnextSettings settings, Credentials credentials);
  const ErpnextSettings& settings() const { return settings_; }

  /// POST of a JSON object to a whitelisted method, with the company.
  void call_method(const std::string& method, JsonText parameters, OnAnswer done);
  void create(const std::string& doctype, Json document, OnAnswer done);
  void update(const std::string& doctype, const std::string& name, Json changes, OnAnswer done);
  /// The document of the company whose `field` is `value`, at most one: a JSON array.
  void find(const std::string& doctype,
            const std::string& field,
            const std::string& value,
            OnAnswer done);

  /// Those of these documents of the company that are there: a JSON array. REQUIRES: few names, all
  /// go into the address.
  void read(const std::string& doctype, const std::vector<std::string>& names, OnAnswer done);

  /// How long the site still asks to be left alone; zero if it does not.
  Duration quiet_for() const;
  const ErpnextFigures& figures() const { return figures_; }
  /// Goes on counting where another process ended.
  void count_from(const ErpnextFigures& figures) { figures_ = figures; }

 private:
  void send(std::string method, const std::string& path, std::string body, OnAnswer done);
  /// Read lately, or now.
  Result<Secret> credential();

  Deps deps_;
  ErpnextSettings settings_;
  MonoTime quiet_until_{};
  std::optional<Secret> credential_;
  MonoTime credential_until_{};
  ErpnextFigures figures_;
  std::shared_ptr<ErpnextClient*> self_;
};

/// "<key>:<secret>" from the first line of a file, which is read every second and after a refusal,
/// so that new credentials need no restart. ERRORS: kUnavailable (the file is missing or says
/// something else: it may be mended). REQUIRES: `files` outlives the source.
ErpnextClient::Credentials erpnext_credentials_from_file(FileSystem& files, std::string path);

/// What the voice service may show at the site: the line "direct <key>:<secret>" of the same file,
/// else the first line. ERRORS: kUnavailable.
Result<Secret> erpnext_direct_credential(FileSystem& files, const std::string& path);

/// The secrets that sign the site's webhooks: lines "webhook <secret>" of the same file, several
/// for a rotation; none if there is no such line. ERRORS: kUnavailable.
Result<std::vector<Secret>> erpnext_webhook_secrets(FileSystem& files, const std::string& path);

}  // namespace voicectl::runtime
