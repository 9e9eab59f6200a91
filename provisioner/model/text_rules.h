// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace voicectl {

/// Whether a text may hold line ends and tabs.
enum class Lines { kOne, kMany };

/// Offset of the first byte that is no part of valid UTF-8, or begins a character that must not
/// stand in any text of ours: controls, and marks that turn the direction of writing (a message
/// could be made to read as its opposite).
std::optional<std::size_t> find_unprintable(std::string_view text, Lines lines);

/// What a text of a document has to look like.
enum class TextForm {
  kFree,
  kEmail,
  kPhone,
  kTimeZone,      ///< IANA name
  kLanguage,      ///< BCP 47
  kAbsolutePath,  ///< of a file or folder on the host
  kRelativePath,  ///< of a file below the document's folder
  kFilePath,      ///< of a file on the host, absolute or relative to the document's folder
  kHttpUrl,
  kOrigin,  ///< scheme, host and port of a page, as a browser says them
  kRedisUrl,
  kIpAddress,
  kNetwork,   ///< of IP addresses
  kSiteName,  ///< of a Frappe site
};

/// What the form allows, for messages: "a name such as 'Europe/Vienna'".
std::string_view allowed_by(TextForm form);

/// Whether a text that is not empty has the form. Says nothing about whether the thing exists.
bool has_form(std::string_view text, TextForm form);

}  // namespace voicectl
