// SPDX-License-Identifier: Apache-2.0
// How simulated instances hand a tenant over: in steps of a millisecond, with the outcome that the
// real ones come to whoever dies at which step.
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "runtime/handoff/protocol.h"
#include "tests/support/fake_instance.h"

namespace voicectl {
namespace {

constexpr Duration kStep = std::chrono::milliseconds(1);

Error gone() {
  return {ErrorCode::kUnavailable, "cannot hand the tenant over: the other instance is gone"};
}

}  // namespace

void FakeInstances::take_hand_over(const std::string& name,
                                   const control::Message& question,
                                   std::vector<UniqueFd> descriptors) {
  Instance& instance = running_.at(name);
  const Status joined = join_hand_over(name, instance, question, std::move(descriptors));
  if (joined.has_error()) {
    (void)instance.channel->send(
        control::encode(control::make_error_reply(*question.id, joined.error())), {});
  }
}

Status FakeInstances::join_hand_over(const std::string& name,
                                     Instance& instance,
                                     const control::Message& question,
                                     std::vector<UniqueFd> descriptors) {
  VC_TRY(const Json fields, parse_json(question.body));
  VC_TRY(const TenantId tenant, TenantId::parse(string_or(fields, "tenant", "")));
  const bool gives = question.type == control::request::kHandOver;
  if (instance.tenants.contains(tenant) != gives || descriptors.size() != (gives ? 1U : 3U)) {
    return Error(gives ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                 "cannot hand over: the tenant is not where it should be");
  }
  const FencingToken token{static_cast<std::uint64_t>(integer_or(fields, "token", 0))};
  VC_TRY(instance.tokens.admit(tenant, token));
  HandOver& hand_over = hand_overs_[tenant];
  if (hand_over.token != token) {
    hand_over = HandOver{};
    hand_over.token = token;
    reactor_.call_after(kStep, [this, tenant] { advance_hand_over(tenant); });
  }
  const Side side{name, instance.who, instance.connection, *question.id};
  if (gives) {
    hand_over.back = FencingToken{static_cast<std::uint64_t>(integer_or(fields, "back", 0))};
    hand_over.source = side;
    hand_over.tells_progress = fields.contains("progress_ms");
    const auto asked = static_cast<std::uint64_t>(integer_or(fields, "generation", 0));
    const std::uint64_t own = instance.tenants.at(tenant).lent.generation.value;
    if (own != asked) {
      hand_over.unfit = Error(handoff::kOtherGeneration,
                              "cannot hand the tenant over: its configuration is another one here");
    }
  } else {
    const Lent lent{Generation{static_cast<std::uint64_t>(integer_or(fields, "generation", 0))},
                    token,
                    string_or(fields, "config", ""),
                    string_or(fields, "data", ""),
                    network_.address_of(descriptors[0].get()),
                    network_.address_of(descriptors[1].get())};
    hand_over.target = side;
    instance.tokens.hold(tenant);
    hand_over.received.emplace(Tenant{lent, std::move(descriptors[0]), std::move(descriptors[1])});
  }
  return ok_status();
}

FakeInstances::Instance* FakeInstances::find_side(const std::optional<Side>& side) {
  const auto found = side ? running_.find(side->name) : running_.end();
  return found == running_.end() || found->second.who != side->who ? nullptr : &found->second;
}

void FakeInstances::advance_hand_over(const TenantId& tenant) {
  const auto found = hand_overs_.find(tenant);
  if (found == hand_overs_.end()) {
    return;
  }
  HandOver& hand_over = found->second;
  if (hand_over.unfit || find_side(hand_over.source) == nullptr ||
      find_side(hand_over.target) == nullptr) {
    return end_hand_over(tenant);
  }
  ++hand_over.step;
  if (hand_over.step == static_cast<int>(HandOverStep::kQuiet)) {
    find_side(hand_over.source)->tenants.at(tenant).is_quiet = true;
  } else if (hand_over.step == static_cast<int>(HandOverStep::kOpened)) {
    Result<FakeTenantStore> opened =
        FakeTenantStore::open(network_.files(), hand_over.received->lent.data, hand_over.token);
    if (opened.has_error()) {
      hand_over.unfit = opened.error();
      return end_hand_over(tenant);
    }
    hand_over.received->store = std::move(*opened);
  } else if (hand_over.step == static_cast<int>(HandOverStep::kTaken)) {
    find_side(hand_over.target)->tenants.insert_or_assign(tenant, std::move(*hand_over.received));
    find_side(hand_over.source)->tenants.erase(tenant);
    find_side(hand_over.source)->tokens.release(tenant);
  }
  tell_progress(hand_over);
  if (on_hand_over_step) {
    // Copies: whoever is called may end this hand-over, and take the hook away.
    const auto tell = on_hand_over_step;
    const std::string source = hand_over.source->name;
    const std::string target = hand_over.target->name;
    tell(static_cast<HandOverStep>(hand_over.step), source, target);
  }
  if (!hand_overs_.contains(tenant)) {
    return;
  }
  if (hand_overs_.at(tenant).step + 1 == kHandOverSteps) {
    return end_hand_over(tenant);
  }
  reactor_.call_after(kStep, [this, tenant] { advance_hand_over(tenant); });
}

void FakeInstances::end_hand_over(const TenantId& tenant) {
  const auto node = hand_overs_.extract(tenant);
  if (!node) {
    return;
  }
  const HandOver& hand_over = node.mapped();
  const bool is_taken = hand_over.step >= static_cast<int>(HandOverStep::kTaken);
  if (Instance* const source = find_side(hand_over.source)) {
    handoff::HandOverReport report;
    report.is_handed_over = is_taken;
    report.why = is_taken ? Error() : hand_over.unfit.value_or(gone());
    report.token = hand_over.token;
    if (!is_taken) {
      // What it has told its store it cannot take back: then it goes on with the newer token.
      Lent& lent = source->tenants.at(tenant).lent;
      if (hand_over.step >= static_cast<int>(HandOverStep::kQuiet)) {
        lent.token = hand_over.back;
        (void)source->tokens.admit(tenant, hand_over.back);  // it is above what was met
        take_up_again(source->tenants.at(tenant));
      }
      report.token = lent.token;
    }
    reply(*hand_over.source, handoff::encode(report));
  }
  if (Instance* const target = find_side(hand_over.target)) {
    if (!is_taken) {
      target->tokens.release(tenant);
    }
    reply(*hand_over.target, is_taken ? Result<std::string>("{}") : Result<std::string>(gone()));
  }
}

void FakeInstances::take_up_again(Tenant& tenant) {
  tenant.is_quiet = false;
  Result<FakeTenantStore> opened =
      FakeTenantStore::open(network_.files(), tenant.lent.data, tenant.lent.token);
  tenant.store.reset();
  if (opened.has_value()) {
    tenant.store = std::move(*opened);
  }
}

void FakeInstances::cancel_hand_overs(const std::string& name) {
  std::vector<TenantId> concerned;
  for (const auto& [tenant, hand_over] : hand_overs_) {
    if ((hand_over.source && hand_over.source->name == name) ||
        (hand_over.target && hand_over.target->name == name)) {
      concerned.push_back(tenant);
    }
  }
  for (const TenantId& tenant : concerned) {
    end_hand_over(tenant);
  }
}

void FakeInstances::tell_progress(const HandOver& hand_over) {
  constexpr std::array<const char*, kHandOverSteps> kPhases = {
      "offering", "copying", "quiescing", "releasing", "opening", "catching up", nullptr, nullptr};
  const char* const phase = kPhases.at(static_cast<std::size_t>(hand_over.step));
  const Instance& instance = running_.at(hand_over.source->name);
  if (hand_over.tells_progress && phase != nullptr && instance.channel &&
      instance.connection == hand_over.source->connection) {
    (void)instance.channel->send(  // who asked may be gone
        control::encode({std::string(control::reply::kProgress), std::nullopt,
                         hand_over.source->question, handoff::encode({phase, 10, 5})}),
        {});
  }
}

void FakeInstances::reply(const Side& side, const Result<std::string>& body) {
  const Instance& instance = running_.at(side.name);
  if (instance.connection != side.connection || !instance.channel) {
    return;  // who asked is gone
  }
  const control::Message message =
      body.has_error()
          ? control::make_error_reply(side.question, body.error())
          : control::Message{std::string(control::reply::kOk), std::nullopt, side.question, *body};
  (void)instance.channel->send(control::encode(message), {});  // likewise
}

}  // namespace voicectl
