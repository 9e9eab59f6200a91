#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what callers see while their tenant changes its instance, and prints one table.

    handover_bench.py BIN [--connections 200,2000] [--moves N] [--only WORD,...] [--json FILE]

The same load runs against: nothing (what the machine costs by itself), hand-overs back and forth, a
reload of nginx to the same configuration, an instance that is restarted the plain way (SIGTERM to it,
its supervisor starts it again), and a two-worker cluster of Node.js under `pm2 reload`, if npm can
give us pm2. Everything runs on the loopback address and ends by itself.
"""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
HOST = "t1.bench.test"
PLATFORM = """
apiVersion: voicectl/v1
platform:
  domain: bench.test
  edge: {{ mode: dynamic, address: 127.0.0.1, http_port: {http}, https_port: {https} }}
  ports: {{ range: "20000-20999" }}
  pool: {{ size: 1 }}
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
COLUMNS = ["moves", "ended", "lost", "failed", "pause_p50_us", "pause_p99_us", "pause_max_us",
           "request_p99_us", "request_max_us"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Platform:
    def __init__(self, bin_folder, folder):
        self.bin = pathlib.Path(bin_folder)
        self.folder = pathlib.Path(folder)
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

    def down(self):
        subprocess.run([self.bin / "voicectl", "down", "--workspace", self.workspace, "--purge",
                        "--yes"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def voicectl(self, *words):
        return subprocess.run([self.bin / "voicectl", "--socket", self.socket, *words], check=True,
                              capture_output=True, text=True).stdout

    def move(self, number):
        self.voicectl("tenant", "promote" if number % 2 == 0 else "demote", "t1", "--yes")

    def reload_nginx(self, _):
        os.kill(json.loads(self.voicectl("status", "-o", "json"))["edge"]["pid"], signal.SIGHUP)

    def restart(self, _):
        answer = json.loads(self.voicectl("ps", "-o", "json"))
        instances = answer["instances"] if isinstance(answer, dict) else answer
        os.kill(instances[0]["pid"], signal.SIGTERM)

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
    command = [platform.bin / "voicectl-handover-load", "--port", str(port), "--host", HOST,
               "--key-file", platform.key, "--connections", str(connections), "--seconds",
               str(seconds), "--pings", str(pings), "--sessions", "10"]
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


def hand_over(platform, connections, length, moves):
    before = len(platform.hand_overs())
    seen = load(platform, platform.http, connections, length, platform.move, moves, 1)
    inner = platform.hand_overs()[before:]
    seen["inner_pause_us"] = [one["pause_us"] for one in inner]
    seen["inner_wait_us"] = [one["wait_us"] for one in inner]
    return seen


def rows(platform, connections, moves):
    """Name and measurement of each row, to be called."""
    length = 3 + moves * 1.5
    edge = (platform, platform.http, connections, length)
    return {"nothing": lambda: load(*edge, lambda _: None, 0, 1),
            "hand-over": lambda: hand_over(platform, connections, length, moves),
            "nginx reload": lambda: load(*edge, platform.reload_nginx, moves, 1),
            "plain restart": lambda: load(*edge, platform.restart, moves, 1)}


class Pm2:
    """A cluster of two workers that speak as much of the tenant's protocol as the load needs."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.env = dict(os.environ, PM2_HOME=str(self.folder / "home"), PORT=str(self.port))
        shutil.copy(HERE / "peers" / "cluster_ws.js", self.folder / "cluster_ws.js")
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "pm2",
                        "ws"], cwd=self.folder, check=True, capture_output=True, timeout=300)
        self.pm2("start", "cluster_ws.js", "-i", "2", "--name", "bench", "--kill-timeout", "3000",
                 "--wait-ready")

    def pm2(self, *words):
        subprocess.run([self.folder / "node_modules/.bin/pm2", *words], cwd=self.folder,
                       env=self.env, check=True, capture_output=True, timeout=120)

    def reload(self, _):
        self.pm2("reload", "bench")

    def stop(self):
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
        if seen.get("inner_pause_us"):
            print(f"{n} connections: frozen for {seen['inner_pause_us']} us, "
                  f"new requests held for {seen['inner_wait_us']} us")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--connections", default="200,2000")
    parser.add_argument("--moves", type=int, default=6)
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    wanted = [word for word in options.only.split(",") if word]
    results = []
    folder = tempfile.mkdtemp(prefix="vch-")
    os.chmod(folder, 0o755)
    platform = Platform(options.bin, folder)
    pm2 = None
    try:
        for connections in [int(n) for n in options.connections.split(",")]:
            for name, measure in rows(platform, connections, options.moves).items():
                if not wanted or name in wanted:
                    seen = measure()
                    results.append((connections, name, seen))
                    say(f"{name} with {connections}: {json.dumps(seen)}")
            if not wanted or "pm2 reload" in wanted:
                try:
                    if pm2 is None:
                        (platform.folder / "pm2").mkdir()
                        pm2 = Pm2(platform.folder / "pm2")
                    seen = load(platform, pm2.port, connections, 3 + options.moves * 1.5,
                                pm2.reload, min(options.moves, 2), 1)
                    results.append((connections, "pm2 reload", seen))
                    say(f"pm2 reload with {connections}: {json.dumps(seen)}")
                except (OSError, subprocess.SubprocessError) as problem:
                    say(f"pm2 was not measured: {problem}")
                    wanted = wanted or [name for _, name, _ in results]
    finally:
        if pm2 is not None:
            pm2.stop()
        platform.down()
        shutil.rmtree(folder, ignore_errors=True)
    show(results)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            [{"connections": n, "name": name, **seen} for n, name, seen in results], indent=1))


if __name__ == "__main__":
    main()
