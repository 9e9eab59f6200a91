// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.h"
#include "cli/output.h"

namespace voicectl {

/// How one document differs from another: a list of
/// {"path","change":"added|removed|changed","before"?,"after"?}, in the order of the paths.
///
/// A path names members as YAML does, and things in lists by their slug or name:
/// "tenants[mario-pizza].limits.concurrent_sessions". Lists of plain values are compared as sets;
/// another order alone is a change of the whole list.
Json compare_documents(const Json& before, const Json& after);

/// The list for people: "+", "-" and "~", with what was and what is.
std::string print_document_changes(const Json& changes, const Palette& palette);

}  // namespace voicectl
