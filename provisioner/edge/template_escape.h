// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "provisioner/edge/template_engine.h"

namespace voicectl {

/// `text` as one value of the format: read back by whoever reads the file, it is `text` again.
/// ERRORS: kInvalidArgument for control characters, bytes that are not UTF-8, and what the format
/// has no way to write.
Result<std::string> escape_value(TemplateEscape escape, std::string_view text);

/// `text` as it is, if it is a word that no format here gives a meaning to: letters, digits and
/// `._:/@+=,-`.
Result<std::string> checked_word(std::string_view text);

}  // namespace voicectl
