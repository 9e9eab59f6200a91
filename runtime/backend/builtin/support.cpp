// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/support.h"

#include <vector>

#include "runtime/backend/builtin/spoken_match.h"
#include "runtime/backend/builtin/staff.h"

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

constexpr std::size_t kMaxHints = 2;

/// Articles about the ticket's category come first if they also name its words, then those that
/// share a word with what the caller said, then the rest of the category.
std::vector<KnowledgeArticle> hints_for(const Business& business,
                                        const CreatedTicket& ticket,
                                        const TicketRequest& request) {
  std::vector<std::vector<const KnowledgeArticle*>> ranks(3);
  for (const KnowledgeArticle& article : business.knowledge_base) {
    const bool same_category = fold_spoken(article.category) == fold_spoken(ticket.category);
    const bool same_words = shares_word(article.title, request.issue_description);
    if (same_category || same_words) {
      ranks[same_category && same_words ? 0 : same_words ? 1 : 2].push_back(&article);
    }
  }
  std::vector<KnowledgeArticle> hints;
  for (const auto& rank : ranks) {
    for (const KnowledgeArticle* article : rank) {
      if (hints.size() < kMaxHints) {
        hints.push_back(*article);
      }
    }
  }
  return hints;
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
  const std::vector<const StaffMember*> staff = staff_for(business, ticket.category);
  ticket.assigned_to = staff.empty() ? "" : staff.front()->name;
  ticket.hints = hints_for(business, ticket, request);
  return ticket;
}

}  // namespace voicectl::runtime
