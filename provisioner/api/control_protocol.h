// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

/// What `voicectl` and `voicectld` say to each other: HTTP/1.1 with JSON over a unix socket.
///
/// Every path begins with /v1. Who may connect is decided by the socket file's mode and by the
/// peer's credentials: root and the user that runs the daemon. Errors are
/// {"error":{"code","message"}} with the codes of base/result.h.
///
///   GET    /v1/version    {"version","api","schema","epoch","pid"}
///   GET    /v1/metrics    the text form of Prometheus (0.0.4); everything else is JSON
///   GET    /v1/status     see `voicectl status -o json`
///                         {"daemon":{"version","pid","epoch","uptime_s","user","state","run","log"},
///                          "platform":{"domain","ultravox"}|null,"generation",
///                          "host":{"processors","load":[1m,5m,15m]|null,"memory_bytes",
///                          "memory_available_bytes","disk_bytes","disk_available_bytes"},
///                          "edge":{"mode","running","pid","reloads","http","https"},
///                          "counts":{"tenants","instances","sessions"},
///                          "pending":["text of a step",...],"drift":{"found","adopted"},
///                          "problems":["..."],
///                          "rollout":{"under_way","batch","batches","stopped":"..."|null,
///                          "failed":[{"tenant","error"}],"held":[slug,...]}|null}
///   GET    /v1/instances  {"instances":[{"instance","kind","state","pid","port","tenants",
///                          "sessions","cpu_percent","rss_bytes","pss_bytes","threads",
///                          "descriptors","loop_lag_ms","uptime_s","restarts",
///                          "missed_heartbeats","version"}]}; the numbers about its process are
///                          null when that could not be looked at
///   GET    /v1/instances/<name>/load?step_s=&since_ms=&until_ms=  what its process used in steps
///                         that were watched (docs/reference/usage-history.schema.json), as for
///                         tenants; 404 for one that is not there and was not in that time
///   GET    /v1/host/load?step_s=&since_ms=&until_ms=  the same of the whole machine
///   POST   /v1/instances/<name>/restart/preview  {"parallel"?} -> {"plan"}: what the next would
///                         do. Not a word in that one, which an older daemon would not know
///   POST   /v1/instances/<name>/restart  {"who","parallel"?,"lock"?} -> stream like apply's:
///   another
///                         instance is started beside it, gets its tenants with their connections,
///                         up to "parallel" at one time, and it is stopped
///   GET    /v1/tenants    {"tenants":[{"tenant","name","business_type","plan","tier","phase",
///                          "instance","port","socket","hosts":[...],"sessions","websockets",
///                          "requests_per_s"|null,"events_per_s"|null,"cpu_milli"|null,
///                          "p50_ms"|null,"p95_ms"|null,"p99_ms"|null,"in_flight"|null,
///                          "received_per_s"|null,
///                          "sent_per_s"|null,"memory_bytes"|null,"promoted"}]}
///   GET    /v1/tenants/<slug>  one of them, and "spec": the tenant's document, and "owners":
///                         [{"field","owner":"command_line|monitor","who"?,"why","at",
///                         "revision"?}]: what is not the file's; field "tenant" is the tenant
///                         itself, "placement" where it runs
///   GET    /v1/tenants/<slug>/why  {"tenant","tier","plan","instance","mode","wish":{"reason",
///                         "since"}|null,"decision":{"kind","rule","reason","otherwise":[...],
///                         "measures":[{"name","unit","value","high","low","busy_s","quiet_s"}]}
///                         |null,"load":{what /v1/tenants says of it},"last_day":{"watched_s",
///                         "sessions","requests","cpu_most_milli","p99_ms"|null,
///                         "memory_bytes"|null}: the most of each,
///                         "history":[{"at","name","detail"}]}, newest first
///   GET    /v1/tenants/<slug>/load?step_s=60|600|3600&since_ms=&until_ms=  what it did in steps
///                         that were watched (docs/reference/load-history.schema.json), oldest
///                         first; without step_s the finest that reaches back to since_ms
///   GET    /v1/load?minutes=N  {"watched_s":[...],"tenants":{"<slug>":[cpu_milli,...]}}: the last
///                         minutes, oldest first, of all tenants that had anything in them
///   POST   /v1/tenants/<slug>/move  {"to"?,"who","lock"?}: to another shared instance. With
///   "dry_run"
///                         {"plan":<render_plan_json>,"moves":[{"tenant","from","to"}],"note"},
///                         else a stream like apply's. With "moves" and "base_generation" those
///                         moves, or 409 when the platform is not at that generation any more
///   POST   /v1/pool/rebalance  {"max_moves"?,"who"} likewise
///   GET    /v1/upgrade    {"programs":[{"fingerprint","version","hand_over","taken_at","role",
///                         "instances"}],"installed":{"path","fingerprint"},"upgrade":{...}|null,
///                         "last":{...}|null}: see `voicectl upgrade status -o json`
///   POST   /v1/upgrade    {"runtime"?|"rollback"?,"canary"?,"watch_s"?,"batch"?,"allow_drops"?,
///                         "who","lock"?} -> stream like apply's. With "dry_run"
///                         {"from","to","canary",
///                         "instances":[...],"tenants","websockets","drops","hands_over",
///                         "course":{"waves","pause","duration","memory_bytes":{"before","peak"}}
///                         |null}; its sizes may be null, times are as in
///                         docs/reference/forecast.schema.json
///   POST   /v1/upgrade/abort  {"who"} -> as GET, once it is recorded that it turns back
///   GET    /v1/desired    {"generation","revision","document"}: desired state as last accepted,
///   one
///                         canonical document as text; "document" is null before the first apply
///   GET    /v1/revisions?before=N&limit=N {"revisions":[{"revision","generation","at","who","why",
///                         "plan_id","outcome":"open|done|partial|failed","summary":{...}}],
///                         "newest"}, newest first
///   GET    /v1/revisions/<N>  {"revision":{...},"document","purged":[slug,...],"newest"}
///   GET    /v1/forecasts?before=N&limit=N {"forecasts":[{"number","at","plan_id","revision",
///                         "complete","forecast":{"<quantity>":n},"outcome":{...}}]}, newest first
///   GET    /v1/tenants/<slug>/wait?for=ready|promoted|pooled|deleted|applied&timeout_s=
///                         stream of one line: {"tenant","for","met","why_not":"..."|null}
///   GET    /v1/audit?since_ms=&until_ms=&subject=&before=N&limit=N  {"records":[{"number","at",
///                         "uid","pid","from","who","what","subject","detail":{...},"result",
///                         "message"}]}, newest first; result is done, partial, failed, refused or
///                         unfinished
///   GET    /v1/drift      what is not as it is recorded (docs/reference/drift.schema.json)
///   POST   /v1/drift/adopt  {"name","who","why","lock"?} -> {"name","adopted":true,"recorded"}:
///                         as it is now; recorded false: believed, and on disk before anything else
///                         is done
///   POST   /v1/drift/give_up  {"name","who","lock"?} -> {"name","adopted":false,"recorded"}
///   GET    /v1/lock       {"lock":{"token","holder","purpose","since","renewed_at","expires_at",
///                         "applying"}|null,"busy"}
///   POST   /v1/lock       {"holder","purpose","wait_s"?,"life_s"?} -> stream: {"waiting_for":lock}
///                         if somebody has it, then {"lock":lock} or {"error":{"code","message"}}
///   POST   /v1/lock/<token>/renew  {"lock":lock}; 409 if it was lost
///   DELETE /v1/lock/<token>  {"token"}
///   POST   /v1/lock/steal {"holder","who"} -> {"stolen":lock}
///   POST   /v1/plan       {"document","owner"?:"file|command_line","rollout"?:{"canary":[slug],
///                         "batch"|null,"pause_s","max_failures"|null}} ->
///                         {"plan":<render_plan_json>,"platform_id",
///                         "revision","severe":[{"text","confirm"}]}; changes nothing. Every
///                         platform has another id, and keeps it; the revision is the newest;
///                         severe is what should not happen without its word
///                         A rollout's keys win over those of the document; the plan has all of
///                         them, and the batches, under "rollout". A document of the owner
///                         "file", the default, says nothing of fields that it does not name:
///                         those that the command line has set stay; a document of the
///                         "command_line" is the whole desired state; with "stays_away":true a
///                         tenant that it has no more is a conflict for a file that names it
///   POST   /v1/apply
///   {"document","owner"?,"stays_away"?,"force_conflicts"?,"rollout"?,"plan_id"?,"base_generation"?,
///                         "base_revision"?,"lock"?,"allow_delete"?,"confirm"?:[word],
///                         "who","why"?} -> stream (below). 403 when it would delete more
///                         tenants than "allow_delete" (0), or does what is severe and its word
///                         (of /v1/plan) is not in "confirm". 409 conflict when a file sets what
///                         the command line has set, without "force_conflicts"; when the
///                         platform is not
///                         at that generation any more, the desired state not at that revision,
///                         the plan is no longer the one that was shown, the lock is lost or
///                         somebody else's, or another apply is running
///   POST   /v1/tenants/<slug>/keys       {"scope","expires_in"?: seconds} -> a key of the list
///                         below and "key", which is shown this once
///   POST   /v1/tenants/<slug>/keys/<id>/rotate  {"overlap": seconds} -> the new key, likewise; the
///                         old one is accepted until the overlap is over
///   GET    /v1/tenants/<slug>/keys       {"keys":[{"id","scope","state","created_at","expires_at",
///                         "revoked_at","replaced_by"}]}; state is active, expiring, expired or
///                         revoked; ended keys are listed for 30 days
///   DELETE /v1/tenants/<slug>/keys/<id>  {"id"}; answered when what it had opened is closed
///   DELETE /v1/retired/<slug>  {"tenant","forgotten"}: forgets what the registry knows of a
///                         deleted tenant but its events; false if there is one of that name
///   POST   /v1/tenants/<slug>/secrets/rotate  {"overlap": seconds} -> {"tenant","accepted_until"}:
///                         calls that are made from now on have another webhook secret; what was
///                         signed with the former ones is accepted until then
///   GET    /v1/sessions?tenant=&status=&limit=&after=&created_after=&created_before=
///                         {"sessions":[{...}],"problems":["..."],"next"?}, newest first; `next` is
///                         there if there are more, and is the `after` of the next page
///   GET    /v1/sessions/<id>             {"session":{...},"events":[...]}
///   DELETE /v1/sessions/<id>             {"session":{...}}
///   POST   /v1/sessions/migrate  {"tenants":[...],"to"?,"who"}: these tenants with all their
///                         sessions to another shared instance, as for .../move; its "moves" have
///                         "sessions" too
///   GET    /v1/events?after=N&follow=1   stream of {"number","at","name","subject","detail",
///                         "missed"?}; so many events before it are not kept any more
///   GET    /v1/logs?tenant=&instance=&since=<seconds>&follow=1
///                         stream of {"source","line"}; source is "instance/<name>", "voicectld"
///                         or "edge"
///   POST   /v1/stop       {"who"} -> stream like apply's; stops instances, edge, then the daemon
///
///   GET    /v1/outbox?tenant=&state=pending|dead&after=N&limit=N
///                         {"entries":[{"tenant","id","session","kind","state","attempts",
///                          "created_at","next_attempt","last_error"}],"problems":[...]}
///   GET    /v1/outbox/<slug>/<id>        {"entry":{... and "idempotency_key","payload"}}
///   POST   /v1/outbox/<slug>/<id>/retry  {"entry":{...}}
///   POST   /v1/outbox/<slug>/retry       {"retried":n}: every dead one
///   DELETE /v1/outbox/<slug>/<id>        {"entry":{...}}
///
/// A stream is chunked; each line of it is one JSON object. That of apply:
///
///   {"type":"started","plan_id","steps":n}
///   {"type":"step","number","state":"running|done|failed|skipped|undone","kind","subject","text",
///    "took_ms","error"?,"note"?,"move"?}; a note says what is not as it should be although it is
///    done. Steps that move a tenant are told as running again and again, with "move": {"phase",
///    "percent","connections","copied","websockets","refused","dropped","pause_us","wait_us",
///    "took_us"}
///   {"type":"finished","done","failed","skipped","undone","remedy":"...",
///    "compared":[{"quantity","forecast","outcome"}],"rollout"?:{"batches","batches_done",
///    "stopped":"..."|null,"failed":[{"tenant","error"}],"held":[slug,...]},"hooks_failed"?};
///    names that end with _us are times. A rollout tells of each batch as a step of kind "rollout",
///    and each hook is one of kind "hook"; those count nowhere
///
/// The daemon goes on when the reader of a stream goes away.
namespace voicectl::api {

inline constexpr std::string_view kPrefix = "/v1";
inline constexpr std::string_view kVersion = "v1";

/// How a step of an apply stands.
enum class StepState { kRunning, kDone, kFailed, kSkipped, kUndone };
std::string_view name_of(StepState state);

/// How a tenant's way to another instance stands, with its connections.
struct MoveProgress {
  /// offering, copying, quiescing, releasing, opening, catching up, withdrawing: how far the two
  /// instances are; and in the end moved, stayed, or lent (its WebSockets were told to come again).
  std::string phase;
  /// 100 only for one that has moved.
  int percent = 0;
  /// Open, and told to the other instance so far; in the end: those that went on there.
  std::uint64_t connections = 0;
  std::uint64_t copied = 0;
  // In the end.
  std::uint64_t websockets = 0;
  std::uint64_t refused = 0;
  std::uint64_t dropped = 0;
  /// The longest that any connection stood still, that a new request waited, and all of it.
  std::int64_t pause_us = 0;
  std::int64_t wait_us = 0;
  std::int64_t took_us = 0;
  friend bool operator==(const MoveProgress&, const MoveProgress&) = default;
};

/// Progress of one step, as both sides see it.
struct StepProgress {
  std::size_t number = 0;
  StepState state = StepState::kRunning;
  std::string kind;
  std::string subject;
  std::string text;
  std::int64_t took_ms = 0;
  /// Empty unless failed, skipped or undone.
  std::string error;
  /// What is not as it should be although the step is done; empty: nothing.
  std::string note{};
  /// Of a step that moves a tenant with its connections, as far as that is known.
  std::optional<MoveProgress> move{};
};

/// What was expected of a quantity (provisioner/plan/effect_forecast.h), and what came of it.
struct Compared {
  std::string quantity;
  std::int64_t forecast = 0;
  std::int64_t outcome = 0;
  friend bool operator==(const Compared&, const Compared&) = default;
};

/// How an apply went that took its tenants batch by batch.
struct RolloutOutcome {
  std::size_t batches = 0;
  std::size_t batches_done = 0;
  /// Why it went no further; empty: all have had their turn.
  std::string stopped{};
  /// Tenants that failed, and how; those that have not begun.
  std::vector<std::pair<std::string, std::string>> failed{};
  std::vector<std::string> held{};
  friend bool operator==(const RolloutOutcome&, const RolloutOutcome&) = default;
};

struct ApplyOutcome {
  std::size_t done = 0;
  std::size_t failed = 0;
  std::size_t skipped = 0;
  std::size_t undone = 0;
  /// What to do about what failed; empty when all is done.
  std::string remedy;
  /// The plan's forecast beside what was counted; empty when there was nothing to do.
  std::vector<Compared> compared{};
  std::optional<RolloutOutcome> rollout{};
  /// Hooks that failed after it; what it did stays.
  std::size_t hooks_failed = 0;
  /// Of those that failed: done, and only not recorded yet. Not told.
  std::size_t unrecorded = 0;
};

/// Lines of the stream, without line end.
std::string render_started(const std::string& plan_id, std::size_t steps);
std::string render_step(const StepProgress& progress);
std::string render_finished(const ApplyOutcome& outcome);

/// One line of an apply stream: exactly one member is set.
struct ApplyLine {
  std::optional<std::size_t> started_steps;
  std::optional<StepProgress> step;
  std::optional<ApplyOutcome> finished;
};
/// ERRORS: kCorrupt for what is none of the three.
Result<ApplyLine> parse_apply_line(std::string_view line);

/// HTTP status that stands for an error code, and back.
int http_status_of(ErrorCode code);

}  // namespace voicectl::api
