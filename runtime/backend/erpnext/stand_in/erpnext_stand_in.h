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
    /// "<key>:<secret>" of each API user.
    std::set<std::string> tokens = {"key:secret"};
    /// Fields of each doctype that is there.
    std::map<std::string, std::set<std::string>> doctypes;
  };
  /// A site as an administrator sets it up for voicectl.
  static Options usual_site();

  explicit ErpnextStandIn(Options options) : options_(std::move(options)) {}

  HttpResponse answer(const HttpRequest& request);

  /// Looks at a request first; what it gives is the answer, and nothing else happens.
  std::function<std::optional<HttpResponse>(const HttpRequest&)> before;
  /// Learns of each document that was made or changed.
  std::function<void(const std::string& doctype, const Json& document)> on_change;

  /// Makes the next method refuse, in the site's manner.
  static HttpResponse failure(int status,
                              const std::string& exception,
                              const std::string& html = "");

  /// Documents of a doctype, in the order of their making.
  const std::vector<Json>& documents(const std::string& doctype) { return documents_[doctype]; }
  /// Everything that is there, by doctype.
  Json all_documents() const;
  /// Changes a document, as somebody at the site would; nullopt if there is none of that name.
  std::optional<Json> change(const std::string& name, const Json& changes);
  /// How many documents carry each reference.
  std::map<std::string, int> effects() const;
  /// Requests so far, as "POST /api/...".
  std::vector<std::string> requests;

 private:
  HttpResponse answer_resource(const HttpRequest& request, const Json& body);
  HttpResponse answer_document(const HttpRequest& request,
                               const std::string& doctype,
                               const std::string& name,
                               const Json& body);
  /// The answer for a time that is taken; nullopt if it is free.
  std::optional<HttpResponse> refuse_taken(const Json& wish);
  void note_change(const std::string& doctype, Json& document);
  HttpResponse call_method(const std::string& method, Json parameters);
  HttpResponse make(const std::string& doctype, Json document);
  HttpResponse list(const std::string& doctype, const HttpRequest& request);
  HttpResponse update(const std::string& doctype, const std::string& name, const Json& changes);
  std::optional<HttpResponse> refuse_duplicate(const std::string& doctype, const Json& document);
  Json with_known_fields(const std::string& doctype, const Json& document) const;

  Options options_;
  std::map<std::string, std::vector<Json>> documents_;
  std::uint64_t numbers_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace voicectl::runtime
