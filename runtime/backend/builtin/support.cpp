// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/support.h"

#include <sstream>

#include "runtime/backend/builtin/spoken_match.h"

namespace voicectl::runtime {
namespace {

const SupportCategory* find_category(const Business& business, const TicketRequest& request) {
  std::vector<Sayable> things;
  for (const SupportCategory& category : business.support_categories) {
    things.push_back({category.name, category.voice_keywords});
  }
  for (const std::string* text : {&request.category, &request.issue_description}) {
    if (const SpokenMatch match = match_spoken(*text, things); match.index) {
      return &business.support_categories[*match.index];
    }
  }
  return nullptr;
}

/// Whether a word of `specialty` ("Technical, Website") also stands in `category`.
bool covers(const std::string& specialty, const std::string& category) {
  const std::string padded = " " + fold_spoken(category) + " ";
  std::istringstream words(fold_spoken(specialty));
  for (std::string word; words >> word;) {
    if (word.size() > 2 && padded.find(" " + word + " ") != std::string::npos) {
      return true;
    }
  }
  return false;
}

std::string staff_for(const Business& business, const std::string& category) {
  for (const StaffMember& member : business.staff) {
    if (covers(member.specialty, category)) {
      return member.name;
    }
  }
  return {};
}

}  // namespace

TicketOutcome decide_ticket(const Business& business, const TicketRequest& request) {
  if (request.issue_description.empty()) {
    return Refusal{"Could you describe the problem in a few words, please?"};
  }
  CreatedTicket ticket;
  ticket.category = request.category.empty() ? "General" : request.category;
  if (const SupportCategory* category = find_category(business, request)) {
    ticket.category = category->name;
    ticket.priority = category->priority;
    ticket.expected_resolution = category->resolution_time;
  }
  ticket.priority = request.priority.value_or(ticket.priority);
  ticket.assigned_to = staff_for(business, ticket.category);
  return ticket;
}

}  // namespace voicectl::runtime
