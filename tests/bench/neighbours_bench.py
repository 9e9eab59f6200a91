#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What nine quiet tenants feel of a tenth that does twenty times as much, and prints one table.

    neighbours_bench.py BIN [--rate N] [--times N] [--seconds N] [--rounds N] [--sessions N] [--json FILE]

All ten are on one shared instance behind nginx, and list their sessions (--sessions each). The quiet ones ask --rate times
a second each, at a steady rate, and a late answer counts from when it was due. Rows:

    quiet        the nine alone: the baseline
    neighbour    the tenth beside them, without limits, and nobody is promoted
    limits       the same, and the tenth is held to three times what a quiet tenant asks for
    promotion    the same without limits, once the monitor has given the tenth an instance of its own
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading

from common import free_port, say

QUIET = 9
NOISY = "noisy"
# Limits count within so many seconds.
WINDOW_S = 10
ROWS = ["quiet", "neighbour", "limits", "promotion"]
AIM = 1.5

PLATFORM = """apiVersion: voicectl/v1
platform:
  domain: bench.test
  edge: {{ mode: dynamic, address: 127.0.0.1, http_port: {http}, https_port: {https} }}
  ports: {{ range: "20000-20999" }}
  pool: {{ size: 1 }}
  monitor: {monitor}
  ultravox: {{ endpoint: "http://127.0.0.1:{standin}/api" }}
tenants:
"""
TENANT = """  - {{ slug: {slug}, name: Bench, business_type: restaurant, plan: enterprise,
      limits: {{ concurrent_sessions: 100000, api_requests: {requests}, api_requests_per_key: {requests} }},
      menu: [ {{ name: Margherita Pizza, price: "18.99" }} ] }}
"""
MONITOR_OFF = "{ mode: off }"
MONITOR_ON = ("{ mode: on, cooldown: 0s, "
              "marks: { enterprise: { high_sessions: 1000000, high_cpu: 20, low_cpu: 1, promote_after: 5s } } }")
PROMOTION_PATIENCE_S = 60


class Platform:
    def __init__(self, bin_folder, folder):
        self.bin = pathlib.Path(bin_folder)
        self.folder = pathlib.Path(folder)
        self.workspace = self.folder / "ws"
        self.ports = {"http": free_port(), "https": free_port(), "standin": free_port()}
        self.slugs = [f"t{i}" for i in range(QUIET)] + [NOISY]
        self.write(MONITOR_OFF)
        subprocess.run([self.bin / "voicectl", "up", "--workspace", self.workspace, "-f", self.file], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket = json.loads((self.workspace / "workspace.json").read_text())["run"] + "/control.sock"
        for slug in self.slugs:
            made = self.voicectl("tenant", "key", "create", slug, "--scope", "admin", "-o", "json")
            self.key_file(slug).write_text(json.loads(made)["key"])

    def write(self, monitor, noisy_limit=1_000_000):
        self.file = self.folder / "platform.yaml"
        text = PLATFORM.format(monitor=monitor, **self.ports)
        for slug in self.slugs:
            text += TENANT.format(slug=slug, requests=noisy_limit if slug == NOISY else 1_000_000)
        self.file.write_text(text)

    def apply(self, monitor, noisy_limit=1_000_000):
        self.write(monitor, noisy_limit)
        self.voicectl("apply", "-f", self.file, "--yes")

    def key_file(self, slug):
        return self.folder / f"{slug}.key"

    def voicectl(self, *words):
        return subprocess.run([self.bin / "voicectl", "--socket", self.socket, *words], check=True,
                              capture_output=True, text=True).stdout

    def home_of_noisy(self):
        return json.loads(self.voicectl("tenant", "show", NOISY, "-o", "json"))["instance"]

    def make_sessions(self, count):
        for slug in self.slugs:
            subprocess.run([self.bin / "voicectl-caller", "load", "--port", str(self.ports["http"]), "--host",
                            f"{slug}.bench.test", "--method", "POST", "--path", "/api/sessions", "--body",
                            '{"customer_name":"Bench"}', "--expect", "201", "--key-file", self.key_file(slug),
                            "--seconds", str(count / 100), "--parallel", "1"], check=True, stdout=subprocess.DEVNULL)

    def load(self, slugs, rate, seconds, warm_up):
        words = [self.bin / "voicectl-neighbours-load", "--port", str(self.ports["http"]), "--rate", str(rate),
                 "--seconds", str(seconds), "--warm-up", str(warm_up), "--path", "/api/sessions", "--connections",
                 str(4 * len(slugs))]
        for slug in slugs:
            words += ["--host", f"{slug}.bench.test", "--key-file", str(self.key_file(slug))]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def wait_for_promotion(self):
        """Ends when the noisy tenant has been handed over; its load runs meanwhile."""
        before = json.loads(self.voicectl("events", "-o", "json").splitlines()[-1])["number"]
        events = subprocess.Popen([self.bin / "voicectl", "--socket", self.socket, "events", "-f", "--after",
                                   str(before)], stdout=subprocess.PIPE, text=True)
        patience = threading.Timer(PROMOTION_PATIENCE_S, events.terminate)
        patience.start()
        with events:
            if not self.home_of_noisy().startswith("dedicated-"):
                for line in events.stdout:
                    if "tenant.handed_over" in line and NOISY in line:
                        break
            events.terminate()
        patience.cancel()
        if not self.home_of_noisy().startswith("dedicated-"):
            raise SystemExit(f"{NOISY} was not promoted within {PROMOTION_PATIENCE_S} s:\n"
                             + self.voicectl("why", f"tenant/{NOISY}"))

    def close(self):
        subprocess.run([self.bin / "voicectl", "down", "--workspace", self.workspace, "--purge", "--yes",
                        "--confirm=ws"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(platform, row, options):
    quiet = [slug for slug in platform.slugs if slug != NOISY]
    limit = 3 * options.rate * WINDOW_S if row == "limits" else 1_000_000
    platform.apply(MONITOR_ON if row == "promotion" else MONITOR_OFF, limit)
    if row != "promotion" and platform.home_of_noisy().startswith("dedicated-"):
        platform.voicectl("tenant", "tier", NOISY, "pooled", "--yes")
        platform.apply(MONITOR_OFF, limit)
    noisy = None
    if row != "quiet":
        # Long enough for a promotion; ended when the quiet ones are done.
        noisy = platform.load([NOISY], options.rate * options.times, options.seconds + 120, 0)
    try:
        if row == "promotion":
            platform.wait_for_promotion()
        seen = json.loads(platform.load(quiet, options.rate * QUIET, options.seconds, 2).communicate()[0])
        seen["home"] = platform.home_of_noisy()
    finally:
        if noisy:
            noisy.terminate()
            noisy.wait()
    if seen["errors"]:
        raise SystemExit(f"{row}: {seen['errors']} of the quiet tenants' requests failed: {seen['first_error']}")
    return seen


def show(results):
    columns = ["p50_us", "p95_us", "p99_us", "most_us", "answers"]
    base = results["quiet"]["p99_us"]
    print("nine quiet tenants".ljust(20) + "".join(c.rjust(10) for c in columns) + "   p99 x quiet   the tenth runs on")
    for row, seen in results.items():
        print(row.ljust(20) + "".join(f"{seen[c]:>10,}" for c in columns) + f"{seen['p99_us'] / base:14.2f}   "
              + ("(idle)" if row == "quiet" else seen["home"]))
    with_promotion = results["promotion"]["p99_us"] / base
    print(f"aim: promotion at most {AIM} x quiet: {'met' if with_promotion <= AIM else 'MISSED'} ({with_promotion:.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--rate", type=int, default=20, help="requests a second of each quiet tenant")
    parser.add_argument("--times", type=int, default=20, help="how much more the tenth asks for")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=100, help="sessions of each tenant, about")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    rounds = {row: [] for row in ROWS}
    with tempfile.TemporaryDirectory(prefix="vcn-") as folder:
        os.chmod(folder, 0o755)
        with contextlib.closing(Platform(options.bin.resolve(), folder)) as platform:
            platform.make_sessions(options.sessions)
            for number in range(options.rounds):
                for row in ROWS:
                    rounds[row].append(measure(platform, row, options))
                    say(f"round {number + 1}, {row}: {json.dumps(rounds[row][-1])}")
    results = {row: {**seen[0], **{key: int(statistics.median(one[key] for one in seen))
                                   for key in ("p50_us", "p95_us", "p99_us", "most_us", "answers")}}
               for row, seen in rounds.items()}
    show(results)
    if options.json:
        options.json.write_text(json.dumps(rounds, indent=1))


if __name__ == "__main__":
    main()
