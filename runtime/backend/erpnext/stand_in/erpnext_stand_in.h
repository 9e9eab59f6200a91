// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/net/http_message.h"

namespace voicectl::runtime {

/// Answers like a Frappe site with ERPNext and the `business_workflows` app, as far as voicectl
/// asks one: for tests and development. It keeps documents in memory and does, like the real one,
/// what nobody expects: drops unknown fields, ignores a `name`, answers 417 for nearly everything,
/// forgets the company of a request that names none.
///
/// No connection and no time: a request in, an answer out. Not for production.
class ErpnextStandIn {
 public:
  struct Options {
    std::string site;
    std::string key = "key";
    std::string secret = "secret";
    /// Fields of each doctype that is there.
    std::map<std::string, std::set<std::string>> doctypes;
  };
  /// A site as an administrator sets it up for voicectl.
  static Options usual_site();

  explicit ErpnextStandIn(Options options) : options_(std::move(options)) {}

  HttpResponse answer(const HttpRequest& request);

  /// Looks at a request first; what it gives is the answer, and nothing else happens.
  std::function<std::optional<HttpResponse>(const HttpRequest&)> before;

  /// Makes the next method refuse, in the site's manner.
  static HttpResponse failure(int status,
                              const std::string& exception,
                              const std::string& html = "");

  /// Documents of a doctype, in the order of their making.
  const std::vector<Json>& documents(const std::string& doctype) { return documents_[doctype]; }
  /// How many documents carry each reference.
  std::map<std::string, int> effects() const;
  /// Requests so far, as "POST /api/...".
  std::vector<std::string> requests;

 private:
  HttpResponse call_method(const std::string& method, Json parameters);
  HttpResponse make(const std::string& doctype, Json document);
  HttpResponse list(const std::string& doctype, const HttpRequest& request);
  HttpResponse update(const std::string& doctype, const std::string& name, const Json& changes);
  std::optional<HttpResponse> refuse_duplicate(const std::string& doctype, const Json& document);
  Json with_known_fields(const std::string& doctype, const Json& document) const;

  Options options_;
  std::map<std::string, std::vector<Json>> documents_;
  std::uint64_t numbers_ = 0;
};

}  // namespace voicectl::runtime
