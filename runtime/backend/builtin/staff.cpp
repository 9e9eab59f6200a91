// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/staff.h"

#include <sstream>

#include "runtime/backend/builtin/spoken_match.h"

namespace voicectl::runtime {

bool shares_word(std::string_view words, std::string_view topic) {
  const std::string padded = " " + fold_spoken(topic) + " ";
  std::istringstream each(fold_spoken(words));
  for (std::string word; each >> word;) {
    if (word.size() > 2 && padded.find(" " + word + " ") != std::string::npos) {
      return true;
    }
  }
  return false;
}

std::vector<const StaffMember*> staff_for(const Business& business, std::string_view topic) {
  std::vector<const StaffMember*> fitting;
  for (const StaffMember& member : business.staff) {
    if (shares_word(member.specialty, topic)) {
      fitting.push_back(&member);
    }
  }
  return fitting;
}

}  // namespace voicectl::runtime
