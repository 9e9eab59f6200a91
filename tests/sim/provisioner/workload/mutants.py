# SPDX-License-Identifier: Apache-2.0
"""Mistakes that the simulator must find: exact replacements in the control plane's sources.

Each text stands exactly once in its file (tests/lint/check_mutants.py), so that the list cannot
outlive what it is about.
"""
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str


NOBODY = "**nobody**"
README = "tests/sim/provisioner/workload/README.md"
# Where its table of what was found begins, and the line of dashes below its head.
TABLE = re.compile(r"(.*<!-- written by `./run sim --mutants --write` -->\n\|[^\n]*\n\|[-|]+\n)"
                   r"((?:\|[^\n]*\n)*)(.*)", re.DOTALL)


def rows_in(text: str) -> tuple[str, dict[str, str], str]:
    """What is before the table's rows, the rows by their mutants' names, and what is behind."""
    before, rows, after = TABLE.fullmatch(text).groups()
    return before, {row.split("|")[1].strip(): row for row in rows.splitlines()}, "\n" + after


EXECUTOR = "provisioner/apply/executor.cpp"
PLACEMENT = "provisioner/apply/placement_actions.cpp"
RECOVERY = "provisioner/daemon/recovery.cpp"

MUTANTS = [
    Mutant("no intent is written before an effect", "provisioner/apply/action_journal.h",
           "return registry.open_actions(entries);",
           "return registry.epoch() == Epoch{} ? registry.open_actions(entries)\n"
           "              : Result<std::vector<std::int64_t>>(\n"
           "                    std::vector<std::int64_t>(entries.size(), 0));"),
    Mutant("what an action changed is not recorded", EXECUTOR,
           "  closed.change = std::move(outcome.change);\n", ""),
    Mutant("intents of the dead daemon stay open", RECOVERY,
           "    for (const JournalEntry& intent : open_intents) {\n      closed.push_back",
           "    for (const JournalEntry& intent : std::vector<JournalEntry>()) {\n"
           "      closed.push_back"),
    Mutant("a step goes on though what it needs has failed", "provisioner/apply/step_order.cpp",
           "  if (how == End::kFailed) {\n    return;\n  }\n", ""),
    Mutant("an instance is stopped before its tenants have left", "provisioner/plan/planner.cpp",
           "why_stop(context, instance), tenants.departures(name));",
           "why_stop(context, instance), {});"),
    Mutant("a tenant is lent before its instance is started", "provisioner/plan/tenant_plan.cpp",
           "{chain.prepare, chain.bind, placement.start}", "{chain.prepare, chain.bind}"),
    Mutant("nobody waits until an instance is ready",
           "provisioner/instances/supervised_instance.cpp",
           "  connect();\n}\n\nResult<UniqueFd> SupervisedInstance::make_ground() {",
           "  connect();\n  answer_starters(ready_answer(Duration::zero()));\n}\n\n"
           "Result<UniqueFd> SupervisedInstance::make_ground() {"),
    Mutant("a listener is released before it is taken back", "provisioner/plan/tenant_plan.cpp",
           "  if (recorded.placement) {\n"
           "    departures_[*recorded.placement].push_back("
           "then(ReclaimListener{tenant, *recorded.placement}));\n"
           "  }\n"
           "  if (recorded.has_listener || recorded.port) {\n"
           "    then(ReleaseListener{tenant});\n"
           "  }\n",
           "  if (recorded.has_listener || recorded.port) {\n"
           "    then(ReleaseListener{tenant});\n"
           "  }\n"
           "  if (recorded.placement) {\n"
           "    departures_[*recorded.placement].push_back("
           "then(ReclaimListener{tenant, *recorded.placement}));\n"
           "  }\n"),
    Mutant("a port is leased again without a quarantine", "provisioner/plan/port_allocator.cpp",
           "now < *lease.released_at + quarantine)",
           "now < *lease.released_at + 0 * quarantine)"),
    Mutant("the port of a stopped instance stays leased", PLACEMENT,
           "        change.put_leases.push_back(PortLease{lease.port, lease.holder, "
           "deps_.wall.now()});\n", ""),
    Mutant("a tenant is lent twice with one token", PLACEMENT,
           "std::max({youngest_, tenant.token, first}).value + 1}",
           "std::max({youngest_, tenant.token, first}).value}"),
    Mutant("a tenant is lent although its old instance has not let go", PLACEMENT,
           "    deps_.instances.reclaim(*action.from, action.tenant, tenant.token, go_on);\n",
           "    go_on(ok_status());\n"),
    Mutant("a tenant on its way is lent where it was", "provisioner/daemon/relending.cpp",
           "  if (deps_.is_placing(target.tenant)) {\n    return lend_when_placed(target);\n",
           "  if (deps_.is_placing(target.tenant) && target.series == 0) {\n"
           "    return lend_when_placed(target);\n"),
    Mutant("what was made in part for a tenant stays", "provisioner/plan/tenant_plan.cpp",
           "  then(RetireTenantData{tenant});\n",
           "  if (recorded.has_data) {\n    then(RetireTenantData{tenant});\n  }\n"),
    Mutant("a new listener is not given to the holder", "provisioner/instances/listeners.cpp",
           "  keep(tenant, held_now->second);\n", ""),
    Mutant("the next holder is given nothing", "provisioner/holder/holder_store.cpp",
           "    handlers_.on_empty();\n    if (on_lanes_lost_) {", "    if (on_lanes_lost_) {"),
    Mutant("a tenant is given an older configuration", PLACEMENT,
           "  VC_TRY(deps_.ensure_config(tenant));\n", ""),
    Mutant("routes are not published after a loss of power", RECOVERY,
           "deps_.edge_actions.publish_recorded_routes()", "ok_status()"),
    Mutant("an instance that hangs is only told of", "provisioner/daemon/liveness_watch.cpp",
           "  if (limits.replaces) {\n", "  if (limits.replaces && limits.misses == 0) {\n"),
    Mutant("a tenant is promoted without a dwell", "monitor/promotion_policy.cpp",
           "has_held_at_or_above(high, now, marks.high_dwell)",
           "has_held_at_or_above(high, now, Duration::zero())"),
    Mutant("a tenant is demoted without a dwell", "monitor/promotion_policy.cpp",
           "has_held_at_or_below(low, now, policy.low_dwell)",
           "has_held_at_or_below(low, now, Duration::zero())"),
    Mutant("one tenant more than agreed is promoted", "monitor/promotion_policy.cpp",
           "promoted >= policy.max_promoted", "promoted > policy.max_promoted"),
    Mutant("the token that an instance has met is forgotten", RECOVERY,
           "      tenant.token = std::max(tenant.token, lease->second.token);\n", ""),
    Mutant("a hand-over of which nobody tells counts as not made",
           "provisioner/migrate/verdict.cpp",
           "return target.has_value() ? Verdict::kMoved : Verdict::kUndecided;",
           "return target.has_value() ? Verdict::kMoved : Verdict::kKept;"),
    Mutant("an instance that is back is not lent its tenants",
           "provisioner/daemon/reconcile_loop.cpp", "  relending_.begin(instance);\n", ""),
    Mutant("who does not stop is not killed", "provisioner/instances/supervised_instance_stop.cpp",
           "  cancel_timers();\n  kill_group();\n", "  cancel_timers();\n"),
    Mutant("who lost the answer to a reclaim does not ask again",
           "provisioner/instances/supervised_instance_channel.cpp",
           "if (is_lost && wanted.tries > 0 &&", "if (is_lost && wanted.tries > 1000 &&"),
    Mutant("who is desired again is not in what a static edge is given",
           "provisioner/plan/tenant_plan.cpp",
           "recorded.phase != TenantPhase::kDeleting || !edge_.publishes_tenants()",
           "recorded.phase != TenantPhase::kDeleting || edge_.publishes_tenants()"),
]
