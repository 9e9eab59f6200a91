#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what callers see while their tenant changes its instance, and prints one table.

    handover_bench.py BIN [--beside BIN] [--connections 200,2000] [--moves N] [--rounds N]
                      [--direct] [--only WORD,...] [--json FILE]

The same load runs against: nothing (what the machine costs by itself), hand-overs back and forth, a
reload of nginx to the same configuration, an instance that is restarted the plain way (SIGTERM to it,
its supervisor starts it again), and a two-worker cluster of Node.js under `pm2 reload`, if npm can
give us pm2. With --beside the hand-overs of another build are measured in turn with this one's. Of
several rounds the table shows medians. With --direct callers connect to the tenant's own port, without
nginx, which takes 8,192 connections per process and hands a burst on more slowly than an instance
makes it. Everything runs on the loopback address and ends by itself.
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
HOST = "t1.bench.test"
PLATFORM = """
apiVersion: voicectl/v1
platform:
  domain: bench.test
  edge: {{ mode: dynamic, address: 127.0.0.1, http_port: {http}, https_port: {https} }}
  ports: {{ range: "20000-20999" }}
  pool: {{ size: 1 }}
  monitor: {{ mode: off }}  # nobody moves but where the measurement says so
  ultravox: {{ endpoint: "http://127.0.0.1:{standin}/api" }}
tenants:
  - slug: t1
    name: Bench
    business_type: restaurant
    plan: enterprise
    limits: {{ concurrent_sessions: 100000, api_requests: 1000000, api_requests_per_key: 1000000 }}
    menu:
      - {{ name: Margherita Pizza, price: "18.99" }}
"""
COUNTS = ["moves", "ended", "lost", "doubled", "reordered", "pongs_missing", "failed"]
COLUMNS = [*COUNTS, "pause_p50_us", "pause_p99_us", "pause_max_us", "request_p99_us",
           "request_max_us"]
# What a hand-over says of itself: no byte moved; a new request waited; from the order to the end.
INNER = ["pause_us", "wait_us", "took_us", "copied", "told_late"]
# Messages that all followers together get in a second, at most: more than that is what the clients
# would wait for, moves or not.
MOST_MESSAGES = 4_000


class Platform:
    def __init__(self, bin_folder, folder):
        self.bin = pathlib.Path(bin_folder)
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755)
        self.http = free_port()
        file = self.folder / "platform.yaml"
        file.write_text(PLATFORM.format(http=self.http, https=free_port(), standin=free_port()))
        self.workspace = self.folder / "ws"
        subprocess.run([self.bin / "voicectl", "up", "--workspace", self.workspace, "-f", file],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run = json.loads((self.workspace / "workspace.json").read_text())["run"]
        self.socket = run + "/control.sock"
        self.key = self.folder / "key"
        made = self.voicectl("tenant", "key", "create", "t1", "--scope", "admin", "-o", "json")
        self.key.write_text(json.loads(made)["key"])

    def port(self, is_direct):
        return json.loads(self.voicectl("tenant", "show", "t1", "-o", "json"))["port"] \
            if is_direct else self.http

    def close(self):
        subprocess.run([self.bin / "voicectl", "down", "--workspace", self.workspace, "--purge",
                        "--yes", "--confirm=ws"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def voicectl(self, *words):
        return subprocess.run([self.bin / "voicectl", "--socket", self.socket, *words], check=True,
                              capture_output=True, text=True).stdout

    def move(self, number):
        self.voicectl("tenant", "promote" if number % 2 == 0 else "demote", "t1", "--yes")

    def reload_nginx(self, _):
        os.kill(json.loads(self.voicectl("status", "-o", "json"))["edge"]["pid"], signal.SIGHUP)

    def restart(self, _):
        """Ends every instance that runs; where the last one is not back yet, waits for it."""
        for _ in range(200):
            answer = json.loads(self.voicectl("ps", "-o", "json"))
            instances = answer["instances"] if isinstance(answer, dict) else answer
            if running := [one["pid"] for one in instances if one.get("pid")]:
                break
            time.sleep(0.1)
        for pid in running:
            os.kill(pid, signal.SIGTERM)

    def hand_overs(self):
        """Of every hand-over so far: what the instances measured."""
        found = []
        for line in self.voicectl("events", "-o", "json").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                event = json.loads(line)
                events = event if isinstance(event, list) else event.get("events", [event])
                found += [e["detail"] for e in events if e.get("name") == "tenant.handed_over"]
        return found


def load(platform, port, connections, seconds, act, times, pause):
    pings = min(4000, connections * 4)  # a peer may send six a second
    sessions = min(10, MOST_MESSAGES / (2 * connections))  # each makes two events for all
    command = [platform.bin / "voicectl-handover-load", "--port", str(port), "--host", HOST,
               "--key-file", platform.key, "--connections", str(connections), "--seconds",
               str(seconds), "--pings", str(pings), "--sessions", str(sessions)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "ready" in line:
            break
    done = 0
    time.sleep(1)
    for number in range(times):
        act(number)
        done += 1
        time.sleep(pause)
    seen = json.loads(process.communicate()[0])
    seen["moves"] = done
    return seen


def hand_over(platform, port, connections, length, moves):
    before = len(platform.hand_overs())
    seen = load(platform, port, connections, length, platform.move, moves, 1)
    inner = platform.hand_overs()[before:]
    seen["inner"] = {key: [one[key] for one in inner if key in one] for key in INNER}
    return seen


def rows(platform, beside, is_direct, connections, moves):
    """Name and measurement of each row, to be called."""
    length = 3 + moves * 1.5
    edge = (platform, platform.port(is_direct), connections, length)
    table = {"nothing": lambda: load(*edge, lambda _: None, 0, 1),
             "hand-over": lambda: hand_over(*edge, moves),
             "nginx reload": lambda: load(*edge, platform.reload_nginx, moves, 1),
             "plain restart": lambda: load(*edge, platform.restart, moves, 1)}
    if beside:
        table["hand-over beside"] = lambda: hand_over(
            beside, beside.port(is_direct), connections, length, moves)
    return table


def median_of(rounds):
    """One measurement of several. Of what must not happen, the most that happened."""
    merged = dict(rounds[0])
    for column in COLUMNS:
        if all(column in seen for seen in rounds):
            values = [seen[column] for seen in rounds]
            merged[column] = max(values) if column in COUNTS[1:] else int(statistics.median(values))
    if "inner" in merged:
        merged["inner"] = {key: sum((seen["inner"][key] for seen in rounds), []) for key in INNER}
    return merged


class Pm2:
    """A cluster of two workers that speak as much of the tenant's protocol as the load needs."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = None
        self.env = {}

    def start(self):
        if self.port is not None:
            return
        self.folder.mkdir(exist_ok=True)
        port = free_port()
        self.env = dict(os.environ, PM2_HOME=str(self.folder / "home"), PORT=str(port))
        shutil.copy(HERE / "peers" / "cluster_ws.js", self.folder / "cluster_ws.js")
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "pm2",
                        "ws"], cwd=self.folder, check=True, capture_output=True, timeout=300)
        self.pm2("start", "cluster_ws.js", "-i", "2", "--name", "bench", "--kill-timeout", "3000",
                 "--wait-ready")
        self.port = port

    def pm2(self, *words):
        subprocess.run([self.folder / "node_modules/.bin/pm2", *words], cwd=self.folder,
                       env=self.env, check=True, capture_output=True, timeout=120)

    def measure(self, platform, connections, moves):
        self.start()
        return load(platform, self.port, connections, 3 + moves * 1.5,
                    lambda _: self.pm2("reload", "bench"), min(moves, 2), 1)

    def close(self):
        with contextlib.suppress(Exception):
            self.pm2("kill")


def show(results):
    head = ["", "connections", *COLUMNS]
    table = [head] + [[name, str(n), *[str(seen.get(c, "")) for c in COLUMNS]]
                      for n, name, seen in results]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    for row in table:
        print("  ".join(cell.rjust(w) if i else cell.ljust(w)
                        for i, (cell, w) in enumerate(zip(row, widths))).rstrip())
    for n, name, seen in results:
        for key, values in seen.get("inner", {}).items():
            if values:
                print(f"{name} with {n}: {key} median {int(statistics.median(values))}, "
                      f"most {max(values)}, of {len(values)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--beside")
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--connections", default="200,2000")
    parser.add_argument("--moves", type=int, default=6)
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    wanted = [word for word in options.only.split(",") if word]
    results = []
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vch-"))
        os.chmod(folder, 0o755)
        platform = stack.enter_context(contextlib.closing(Platform(options.bin, folder + "/a")))
        beside = options.beside and stack.enter_context(
            contextlib.closing(Platform(options.beside, folder + "/b")))
        pm2 = stack.enter_context(contextlib.closing(Pm2(folder + "/pm2")))
        for connections in [int(n) for n in options.connections.split(",")]:
            table = rows(platform, beside, options.direct, connections, options.moves)
            table["pm2 reload"] = lambda: pm2.measure(platform, connections, options.moves)
            seen = {name: [] for name in table if not wanted or name in wanted}
            for _ in range(options.rounds):
                for name in list(seen):
                    try:
                        seen[name].append(table[name]())
                        say(f"{name} with {connections}: {json.dumps(seen[name][-1])}")
                    except (OSError, subprocess.SubprocessError) as problem:
                        say(f"{name} was not measured: {problem}")
                        del seen[name]
            results += [(connections, name, median_of(rounds)) for name, rounds in seen.items()]
    show(results)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            [{"connections": n, "name": name, **seen} for n, name, seen in results], indent=1))


if __name__ == "__main__":
    main()
