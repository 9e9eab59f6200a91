// SPDX-License-Identifier: Apache-2.0
#include "cli/new_key.h"

#include <nlohmann/json.hpp>
#include <ostream>

namespace voicectl {

void print_new_key(Console& console, const Json& key, OutputFormat format) {
  if (format != OutputFormat::kTable) {
    console.out << render_document(key, format);
    return;
  }
  const std::string expires = cell(key, "expires_at");
  console.err << "Key " << safe_for_terminal(cell(key, "id")) << " (scope "
              << safe_for_terminal(cell(key, "scope"))
              << (expires == "-" ? "" : ", until " + safe_for_terminal(expires))
              << "). It is shown this once and kept as a hash only.\n";
  console.out << safe_for_terminal(cell(key, "key")) << '\n';
}

}  // namespace voicectl
