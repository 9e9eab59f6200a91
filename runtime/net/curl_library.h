// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include "base/result.h"

namespace voicectl {

/// The functions of libcurl that are used here, from the library that is loaded when the first call
/// needs it.
///
/// libcurl brings thirty libraries along (Kerberos, LDAP, SSH, GnuTLS beside OpenSSL), which cost
/// every process megabytes and milliseconds at its start, and an instance beside its ERPNext may
/// never need them.
struct CurlLibrary {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_version_info) version_info = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
  decltype(&::curl_multi_init) multi_init = nullptr;
  decltype(&::curl_multi_cleanup) multi_cleanup = nullptr;
  decltype(&::curl_multi_setopt) multi_setopt = nullptr;
  decltype(&::curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&::curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&::curl_multi_socket_action) multi_socket_action = nullptr;
  decltype(&::curl_multi_info_read) multi_info_read = nullptr;
};

/// Loads it once; it stays until the end of the process. ERRORS: kUnavailable if it cannot be
/// loaded (tried again with the next call), or is older than 7.85, which does not know all that
/// keeps a request where it may go. THREADS: any.
Result<const CurlLibrary*> curl_library();

}  // namespace voicectl
