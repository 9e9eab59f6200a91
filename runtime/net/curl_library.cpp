// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/curl_library.h"

#include <dlfcn.h>

#include <mutex>
#include <optional>
#include <string>

namespace voicectl {
namespace {

/// libcurl has kept its interface under this name since 2006.
constexpr const char* kName = "libcurl.so.4";

/// The first to know CURLOPT_PROTOCOLS_STR; CURLOPT_PREREQFUNCTION is older.
constexpr unsigned int kOldest = 0x075500;

Error cannot_load(const std::string& why) {
  return Error(ErrorCode::kUnavailable,
               "cannot send a request over TLS or to a name: libcurl cannot be loaded (" + why +
                   "); install the package libcurl4");
}

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

bool find_all(void* library, CurlLibrary& curl) {
  return find(library, "curl_global_init", curl.global_init) &&
         find(library, "curl_version_info", curl.version_info) &&
         find(library, "curl_easy_init", curl.easy_init) &&
         find(library, "curl_easy_cleanup", curl.easy_cleanup) &&
         find(library, "curl_easy_setopt", curl.easy_setopt) &&
         find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
         find(library, "curl_easy_strerror", curl.easy_strerror) &&
         find(library, "curl_slist_append", curl.slist_append) &&
         find(library, "curl_slist_free_all", curl.slist_free_all) &&
         find(library, "curl_multi_init", curl.multi_init) &&
         find(library, "curl_multi_cleanup", curl.multi_cleanup) &&
         find(library, "curl_multi_setopt", curl.multi_setopt) &&
         find(library, "curl_multi_add_handle", curl.multi_add_handle) &&
         find(library, "curl_multi_remove_handle", curl.multi_remove_handle) &&
         find(library, "curl_multi_socket_action", curl.multi_socket_action) &&
         find(library, "curl_multi_info_read", curl.multi_info_read);
}

Result<CurlLibrary> load() {
  void* const library = ::dlopen(kName, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return cannot_load(::dlerror());
  }
  CurlLibrary curl;
  if (!find_all(library, curl) || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    ::dlclose(library);
    return cannot_load("it lacks functions");
  }
  if (curl.version_info(CURLVERSION_NOW)->version_num < kOldest) {
    return cannot_load("it is older than 7.85");
  }
  return curl;
}

}  // namespace

Result<const CurlLibrary*> curl_library() {
  static std::mutex guard;
  static std::optional<CurlLibrary> loaded;
  const std::lock_guard lock(guard);
  if (!loaded) {
    VC_TRY(loaded, load());
  }
  return &*loaded;
}

}  // namespace voicectl
