#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures voice-runtime against the same service in Node.js and prints one table.

    runtime_bench.py BIN [--rounds N] [--seconds S] [--only WORD,...] [--json FILE]

Servers run on core 0, but for the one of the durable calls, which may use all; load, the played Ultravox and ERPNext, and Redis on core 1. Rounds are
interleaved and medians are shown; a ratio is the median of what each round has in itself. A tenant of voice-runtime whose
sessions were made in a round is deleted after it, because live sessions are kept in memory and peers keep none. `/cpu s` counts per second of processor time that the server used,
which other programs on the machine disturb less than they disturb the clock.
"""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from common import free_port, say

HERE = pathlib.Path(__file__).resolve().parent
SERVER_CORE = 0
OTHER_CORE = min(1, (os.cpu_count() or 1) - 1)
TENANT = "t1"
DURABLE = "durable"
WEBSOCKETS = 10_000
EVENT_SESSIONS = 1_000
# What the runtime runs with: the first that this version has.
CONFIGURATIONS = [("redis", "erpnext"), ("redis", "builtin"), ("embedded", "builtin")]
# Calls that wait for the disk together: what one flush makes durable.
DURABLE_CONNECTIONS = 512

PLATFORM = """
apiVersion: voicectl/v1
platform:
  domain: bench.test
  edge: {{ mode: none }}
  ports: {{ range: "{ports}" }}
  pool: {{ size: 1 }}
  monitor: {{ mode: off }}  # nobody moves but where the measurement says so
  backend_networks: [ 127.0.0.1 ]
  store: {store}
  ultravox: {{ endpoint: "http://127.0.0.1:{fakes}/api" }}
tenants:
"""
RESTAURANT = """
  - slug: {slug}
    name: Bench
    business_type: restaurant
    plan: enterprise
    limits: {{ concurrent_sessions: 100000 }}
    backend: {backend}
    menu:
      - {{ name: Margherita Pizza, price: "18.99", prep_time: 15 }}
      - {{ name: Garlic Bread, price: "8.99", prep_time: 8 }}
"""


def on_core(core):
    def settle():
        os.sched_setaffinity(0, {core})
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return settle


def as_nobody(core):
    """Peers run code of npm packages, one of them compiled by somebody else."""
    def settle():
        on_core(core)()
        if os.getuid() == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
    return settle


class Subject:
    """A server under measurement."""

    def __init__(self, name, port, pid, tenant, key_file, flavour="plain", platform=None):
        self.platform = platform
        self.name, self.port, self.pid = name, port, pid
        self.tenant, self.key_file, self.flavour = tenant, key_file, flavour
        self.fixed_kib = None

    def delete(self):
        done = self.platform.voicectl("tenant", "delete", self.tenant, f"--confirm={self.tenant}")
        if done.returncode != 0:
            raise SystemExit(f"cannot delete {self.tenant}: {done.stdout}{done.stderr}")

    def note_fixed_cost(self):
        """What it takes before its first request."""
        self.fixed_kib = memory_kib(self.pid)


class Platform:
    """A voicectld with its instance."""

    def __init__(self, bench, folder, cores):
        """Its instance may use these cores."""
        self.bench, self.folder, self.cores, self.pid = bench, folder, cores, None
        with open(folder / "daemon.log", "w", encoding="utf-8") as log:
            self.daemon = bench.run_child(
                [bench.binaries / "voicectld", "--state", folder / "state", "--run", folder / "run",
                 "--log", folder / "log", "--runtime", bench.binaries / "voice-runtime"],
                on_core(OTHER_CORE), stdout=log, stderr=subprocess.STDOUT)
        bench.stack.callback(self.end)

    def end(self):
        # An instance outlives its daemon, and the daemon would replace one that ends before it.
        self.daemon.terminate()
        self.daemon.wait()
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            self.pid = None

    def voicectl(self, *words):
        argv = [self.bench.binaries / "voicectl", "--socket", self.folder / "run" / "control.sock",
                *words]
        return subprocess.run([str(word) for word in argv], check=False, capture_output=True,
                              text=True)

    def ask(self, *words):
        done = self.voicectl(*words, "-o", "json")
        if done.returncode != 0:
            raise SystemExit(f"voicectl {words[0]} failed: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def apply(self):
        latest = time.monotonic() + 20
        while not (self.folder / "run" / "control.sock").exists() and time.monotonic() < latest:
            time.sleep(0.02)
        done = self.voicectl("apply", "-f", self.folder / "platform.yaml", "--yes")
        (self.folder / "apply.log").write_text(done.stdout + done.stderr)
        instances = self.ask("ps")["instances"] if done.returncode in (0, 6) else []
        self.pid = instances[0]["pid"] if instances else None
        if done.returncode != 0 or self.pid is None:
            self.end()
            return False
        for task in os.listdir(f"/proc/{self.pid}/task"):
            os.sched_setaffinity(int(task), self.cores)
        return True

    def subject(self, name, slug):
        port = self.ask("tenant", "show", slug)["port"]
        key_file = self.folder / f"{slug}.key"
        key_file.write_text(self.ask("tenant", "key", "create", slug, "--scope", "widget")["key"])
        return Subject(name, port, self.pid, slug, key_file, platform=self)


class Bench:
    def __init__(self, binaries, folder, stack):
        self.binaries, self.folder, self.stack = binaries, folder, stack
        self.fakes = free_port()
        self.redis = free_port()
        self.key_file = folder / "peer.key"
        self.key_file.write_text("bench-widget-key\n")

    def run_child(self, argv, settle, **extra):
        child = subprocess.Popen([str(word) for word in argv], preexec_fn=settle, **extra)

        def end():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(15)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        self.stack.callback(end)
        return child

    def start_redis(self):
        self.run_child(["redis-server", "--port", self.redis, "--bind", "127.0.0.1", "--save", "",
                        "--appendonly", "no", "--dir", self.folder],
                       on_core(OTHER_CORE), stdout=subprocess.DEVNULL)

    def install_peers(self, cache):
        cache.mkdir(parents=True, exist_ok=True)
        for source in (HERE / "peers").iterdir():
            if source.suffix in (".js", ".json"):
                shutil.copy(source, cache / source.name)
        stamp = cache / ".installed"
        wanted = (HERE / "peers" / "package.json").read_text()
        if not stamp.exists() or stamp.read_text() != wanted:
            say("installing the peers' packages")
            subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund",
                            "--no-package-lock", "--omit=peer", "--loglevel", "error"], cwd=cache, check=True)
            stamp.write_text(wanted)
        # The peers run as nobody, who may not be able to read where this was built.
        target = self.folder / "peers"
        shutil.copytree(cache, target)
        self.folder.chmod(0o755)
        return target

    def start_peer(self, peers, name, script, flavour, *options):
        log = open(self.folder / f"{name}.log", "w", encoding="utf-8")
        child = self.run_child(
            ["node", script, f"--tenant={TENANT}", "--key=bench-widget-key",
             f"--redis={self.redis}", f"--fakes={self.fakes}", *options],
            as_nobody(SERVER_CORE), cwd=peers, stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, "NODE_ENV": "production"})
        line = child.stdout.readline()
        if not line:
            say(f"{name} is left out: it does not start here (see its log)")
            say((self.folder / f"{name}.log").read_text()[-400:])
            return None
        told = json.loads(line)
        return Subject(name, told["port"], told["pid"], TENANT, self.key_file, flavour)

    def start_platform(self, name, ports, store, backend, slugs, cores=frozenset({SERVER_CORE})):
        """A daemon with one instance; None if this version refuses such a platform."""
        folder = self.folder / name
        for part in ("state", "run", "log"):
            (folder / part).mkdir(parents=True)
        credentials = folder / "credentials"
        credentials.write_text("0123456789abcde:fedcba987654321\n")
        stores = {"embedded": "{ kind: embedded }",
                  "redis": f'{{ kind: redis, redis_url: "redis://127.0.0.1:{self.redis}" }}'}
        backends = {"builtin": "{ kind: builtin }",
                    "erpnext": f'{{ kind: erpnext, url: "http://127.0.0.1:{self.fakes}", '
                               f"company: Bench, credentials_file: {credentials} }}"}
        text = PLATFORM.format(fakes=self.fakes, ports=ports, store=stores[store])
        text += "".join(RESTAURANT.format(slug=slug, backend=backends[backend]) for slug in slugs)
        (folder / "platform.yaml").write_text(text)
        platform = Platform(self, folder, cores)
        return platform if platform.apply() else None

    def start_runtime(self, rounds):
        """The runtime, its durable store, a fresh tenant for each round's creations, and what the
        first of them runs with."""
        slugs = [TENANT] + [f"fresh{number}" for number in range(rounds)]
        for number, (store, backend) in enumerate(CONFIGURATIONS):
            platform = self.start_platform(f"p{number}", f"2{number}000-2{number}999", store,
                                           backend, slugs)
            if platform is None:
                say(f"not in this version: {store} store with {backend} backend")
                continue
            subjects = [platform.subject("voice-runtime", slug) for slug in slugs]
            time.sleep(1)
            subjects[0].note_fixed_cost()
            if self.is_usable(subjects[0], backend):
                break
            platform.end()
        else:
            raise SystemExit("cannot start the runtime in any configuration")
        # Nobody is compared with it, so it has what an instance has on a host: its loop, and a thread that waits for the disk.
        durable = self.start_platform("d", "24000-24999", "embedded", "builtin", [DURABLE],
                                      cores=os.sched_getaffinity(0))
        return [subjects[0], durable.subject("durable", DURABLE), *subjects[1:],
                f"{store} store, {backend} backend"]

    def is_usable(self, subject, backend):
        figures = self.load(subject, "tools", "--sessions", "2", "--connections", "1", "--seconds",
                            "0.3", "--warm-up", "0")
        asks = figures["backend_requests"] > 0
        return figures["errors"] == 0 and figures["answers"] > 0 and asks == (backend == "erpnext")

    def load(self, subject, scenario, *options):
        argv = [self.binaries / "voicectl-bench", scenario, "--port", subject.port, "--pid",
                subject.pid, "--tenant", subject.tenant, "--key-file", subject.key_file,
                "--fakes-port", self.fakes, "--flavour", subject.flavour, *options]
        done = subprocess.run([str(word) for word in argv], preexec_fn=on_core(OTHER_CORE),
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{scenario} of {subject.name} failed: {done.stderr}")
        figures = json.loads(done.stdout)
        if figures.get("errors"):
            say(f"  {scenario} of {subject.name}: {figures['errors']} errors, first: "
                f"{figures['first_error']}")
        return figures


def memory_kib(pid):
    """What is resident of a process; the same with pages that others map too in equal shares; and what
    another such process would take again."""
    sizes = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        words = line.split()
        sizes[words[0]] = int(words[1])
    return {"resident": sizes["Rss:"], "proportional": sizes["Pss:"], "own": sizes["Private_Dirty:"]}


def middle(rounds, *path):
    values = []
    for figures in rounds:
        for name in path:
            figures = figures[name]
        values.append(figures)
    return statistics.median(values) if values else float("nan")


class Table:
    """Rows with a ratio or a figure of ours first, the target beside it, then everybody's figure."""

    def __init__(self, names):
        self.names = names
        self.rows = []

    def add(self, what, ours, target, is_met, cells):
        self.rows.append([what, ours, target, "yes" if is_met else "NO"] +
                         [cells.get(name, "") for name in self.names])

    def note(self, what, ours):
        """A figure without a target."""
        self.rows.append([what, ours, "", ""] + ["" for _ in self.names])

    def render(self):
        head = ["", "ours", "target", "met"] + self.names
        lines = [head] + self.rows
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        out = []
        for line in lines:
            first = line[0].ljust(widths[0])
            rest = (text.rjust(width) for text, width in zip(line[1:], widths[1:]))
            out.append("  ".join([first, *rest]).rstrip())
        return "\n".join(out)


def leanest(figures, peers, smaller_is_better=False):
    choose = min if smaller_is_better else max
    return choose((name for name in peers if name.startswith("lean")), key=lambda n: figures[n])


class Report:
    def __init__(self, results, peers, fixed_kib):
        self.results, self.peers, self.fixed_kib = results, peers, fixed_kib
        self.table = Table(["voice-runtime"] + peers)

    def figures(self, scenario, *path):
        return {name: middle(rounds, *path)
                for name, rounds in self.results.get(scenario, {}).items()}

    def times(self, scenario, path, peer):
        """How many times as much as the peer, in the same round."""
        rounds = self.results[scenario]
        return statistics.median(ours[path] / theirs[path]
                                 for ours, theirs in zip(rounds["voice-runtime"], rounds[peer]))

    def rates(self, scenario, what, targets):
        for unit, path in (("/s", "per_second"), ("/cpu s", "per_cpu_second")):
            figures = self.figures(scenario, path)
            if not figures:
                return
            cells = {name: f"{value:,.0f}" for name, value in figures.items()}
            for peer, bound in targets:
                if not any(name.startswith(peer) for name in self.peers if name in figures):
                    continue
                name = leanest(figures, self.peers) if peer == "lean" else peer
                ratio = self.times(scenario, path, name)
                self.table.add(f"{what}{unit} / {name}", f"{ratio:.2f}x", f">= {bound}x",
                               ratio >= bound, cells)

    def memory(self):
        each = self.figures("idle", "kib_each")
        if each:
            self.table.add("KiB per idle WebSocket", f"{each['voice-runtime']:.2f}", "<= 3",
                           each["voice-runtime"] <= 3, {n: f"{v:.2f}" for n, v in each.items()})
            total = {n: v / 1024 for n, v in self.figures("idle", "after_kib").items()}
            self.table.add(f"MiB at {WEBSOCKETS:,} of them", f"{total['voice-runtime']:.1f}",
                           "< 45", total["voice-runtime"] < 45,
                           {n: f"{v:.1f}" for n, v in total.items()})
        for what, kind in (("MiB of a fresh process, own", "own"),
                           ("MiB of it, PSS", "proportional"),
                           ("MiB of it, RSS", "resident")):
            fixed = {n: v[kind] / 1024 for n, v in self.fixed_kib.items()}
            self.table.add(what, f"{fixed['voice-runtime']:.1f}", "< 10",
                           fixed["voice-runtime"] < 10, {n: f"{v:.1f}" for n, v in fixed.items()})

    def latencies(self):
        if not any(name.startswith("lean") for name in self.peers):
            return
        events = {n: v / 1000 for n, v in self.figures("events", "event_latency", "p99_us").items()}
        if events:
            lean = leanest(events, self.peers, smaller_is_better=True)
            bound = min(2.0, events[lean])
            self.table.add("ms, call to event, p99", f"{events['voice-runtime']:.2f}",
                           f"< {bound:.2f}", events["voice-runtime"] < bound,
                           {n: f"{v:.2f}" for n, v in events.items()})
        paced = {n: v / 1000 for n, v in self.figures("paced", "latency", "p99_us").items()}
        if paced:
            lean = leanest(paced, self.peers, smaller_is_better=True)
            self.table.add("ms, tool call at 1,000/s, p99", f"{paced['voice-runtime']:.2f}",
                           f"< {paced[lean]:.2f}", paced["voice-runtime"] < paced[lean],
                           {n: f"{v:.2f}" for n, v in paced.items()})

        creating = {n: v / 1000 for n, v in self.figures("creating", "latency", "p99_us").items()}
        if creating:
            ours = creating["voice-runtime"]
            self.table.add("ms, creation at 200/s, p99", f"{ours:.2f}", "< 200", ours < 200,
                           {n: f"{v:.2f}" for n, v in creating.items()})

    def durable(self):
        figures = self.figures("durable", "per_second")
        if figures:
            value = figures["durable"]
            self.table.add(f"durable calls/s, {DURABLE_CONNECTIONS} at once", f"{value:,.0f}",
                           ">= 5,000", value >= 5000, {"voice-runtime": f"{value:,.0f}"})
        flushes = self.figures("flushes", "per_call")
        if flushes:
            self.table.note("fsyncs per durable call", f"{flushes['durable']:.4f}")

    def render(self):
        self.rates("tools", "tool calls",
                   [("express-axios", 6), ("express-undici", 3), ("lean", 1.5)])
        self.rates("sessions", "creations", [("express-axios", 5), ("lean", 1.2)])
        self.memory()
        self.latencies()
        self.durable()
        return self.table.render()


def scenarios(options):
    length = ["--seconds", str(options.seconds), "--warm-up", "2"]
    return {
        "tools": ("tools", *length),
        "paced": ("tools", *length, "--rate", "1000"),
        "events": ("events", *length, "--sessions", str(EVENT_SESSIONS)),
        "sessions": ("sessions", *length),
        "creating": ("sessions", *length, "--rate", "200"),
    }


def flushes_of(bench, durable, calls):
    """fsyncs and fdatasyncs of a load of so many calls, which makes its sessions first."""
    told = bench.folder / f"flushes-{calls}"
    watcher = bench.run_child(["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", told,
                               "-p", durable.pid], on_core(OTHER_CORE))
    figures = bench.load(durable, "tools", "--warm-up", "0", "--seconds", "60", "--calls", calls, "--connections",
                         DURABLE_CONNECTIONS)
    watcher.send_signal(signal.SIGINT)
    watcher.wait(15)
    return sum(1 for line in told.read_text().splitlines() if "sync(" in line), figures["answers"]


def count_flushes(bench, durable):
    """Per call, while strace watches and slows them down: of two loads that differ in their calls alone, so that what the
    sessions take falls out."""
    if shutil.which("strace") is None:
        say("  flushes are not counted: strace is not installed")
        return None
    few, few_calls = flushes_of(bench, durable, 2_000)
    more, more_calls = flushes_of(bench, durable, 12_000)
    return {"per_call": (more - few) / max(1, more_calls - few_calls)}


def warm_up(bench, subjects):
    """Calls rather than seconds: a just-in-time compiler counts what it has seen."""
    for subject in subjects:
        say(f"  warming up {subject.name}")
        for scenario, calls in (("tools", 8000), ("sessions", 3000)):
            bench.load(subject, scenario, "--warm-up", "0", "--seconds", "60", "--calls", calls)


def measure(bench, subjects, durable, fresh, options):
    wanted = options.only.split(",") if options.only else None
    results = {}

    def note(scenario, subject, figures):
        results.setdefault(scenario, {}).setdefault(subject.name, []).append(figures)
        shown = figures.get("per_second", figures.get("kib_each"))
        say(f"  {scenario:9} {subject.name:15} {shown:12,.1f}")

    # First, while the processes are as they start.
    if wanted is None or "idle" in wanted:
        for subject in subjects:
            note("idle", subject, bench.load(subject, "idle", "--websockets", WEBSOCKETS))
    if wanted is None or set(wanted) - {"idle", "durable"}:
        warm_up(bench, subjects)
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        for scenario, words in scenarios(options).items():
            if wanted is not None and scenario not in wanted:
                continue
            for subject in subjects:
                # Sessions that are made stay live, and a tenant may have 100,000 of them.
                is_ours = scenario in ("sessions", "creating") and subject is subjects[0]
                note(scenario, subject, bench.load(fresh[number] if is_ours else subject, *words))
        fresh[number].delete()
        if wanted is None or "durable" in wanted:
            note("durable", durable, bench.load(durable, "tools", "--seconds",
                                                str(options.seconds), "--connections",
                                                str(DURABLE_CONNECTIONS)))
    if wanted is None or "durable" in wanted:
        flushes = count_flushes(bench, durable)
        if flushes:
            results["flushes"] = {durable.name: [flushes]}
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", default="", help="tools,sessions,paced,creating,events,idle,durable")
    parser.add_argument("--peers", default="", help="only these of the peers, by commas")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    binaries = options.binaries.resolve()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vcb-", dir="/tmp")))
        bench = Bench(binaries, folder, stack)
        bench.start_redis()
        peers = bench.install_peers(binaries.parent / "bench-peers")
        candidates = [("express-axios", "express.js", "socketio", "--outside=axios"),
                      ("express-undici", "express.js", "socketio", "--outside=undici"),
                      ("lean-ws", "lean_ws.js", "plain"), ("lean-uws", "lean_uws.js", "plain")]
        chosen = options.peers.split(",") if options.peers else [c[0] for c in candidates]
        started = [bench.start_peer(peers, *c) for c in candidates if c[0] in chosen]
        runtime, durable, *fresh, configuration = bench.start_runtime(options.rounds)
        say(f"voice-runtime runs with {configuration}")
        subjects = [runtime] + [peer for peer in started if peer is not None]
        time.sleep(1)
        for subject in subjects[1:]:
            subject.note_fixed_cost()
        fixed_kib = {subject.name: subject.fixed_kib for subject in subjects}
        results = measure(bench, subjects, durable, fresh, options)
        if options.json:
            options.json.write_text(json.dumps({"results": results, "fixed_kib": fixed_kib}, indent=1))
        print(f"voice-runtime: {configuration}; one core each; medians of {options.rounds} rounds")
        print(Report(results, [s.name for s in subjects[1:]], fixed_kib).render())


if __name__ == "__main__":
    main()
