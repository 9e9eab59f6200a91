#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What nine quiet tenants feel of a tenth that does twenty times as much, and prints one table.

    neighbours_bench.py BIN [--rate N] [--share X] [--burst N] [--times N] [--seconds N] [--rounds N] [--sessions N]
                        [--json FILE]

All ten are on one shared instance behind nginx, and ask for the figures of their --sessions sessions, which is dear to answer
and short to send; the sessions are over before anything is measured. First the tenth asks alone for as much as it gets; then it is to ask for --share of that, --burst requests
at a time, and each quiet tenant for one --times-th of it (or for --rate a second), at a steady rate. A late answer counts
from when it was due. Rows:

    quiet        the nine alone: the baseline
    neighbour    the tenth beside them, without limits, and nobody is promoted
    limits       the same, and the tenth is held to three times what a quiet tenant asks for, and to four at a time
    promotion    the same without limits, once the monitor has given the tenth an instance of its own

Figures are medians of the rounds; "x quiet" is the median of what each round has in itself. Exits with 1 if the aim is missed.
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from common import free_port, say

QUIET = 9
NOISY = "noisy"
# Limits count within so many seconds.
WINDOW_S = 10
ROWS = ["quiet", "neighbour", "limits", "promotion"]
AIM = 1.5
PATH = "/api/analytics?period=month"
NO_LIMIT = {"api_requests": 1_000_000, "api_requests_per_key": 1_000_000}
WARM_UP_S = 2
NOISY_CONNECTIONS = 64

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
TENANT = """  - {{ slug: {slug}, name: Bench, business_type: restaurant, plan: enterprise, tier: {tier},
      limits: {limits},
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

    def write(self, monitor, noisy_limits=NO_LIMIT):
        self.file = self.folder / "platform.yaml"
        text = PLATFORM.format(monitor=monitor, **self.ports)
        for slug in self.slugs:
            limits = {"concurrent_sessions": 100000, **(noisy_limits if slug == NOISY else NO_LIMIT)}
            # What the nine have done before must not promote one of them.
            text += TENANT.format(slug=slug, limits=json.dumps(limits), tier="auto" if slug == NOISY else "pooled")
        self.file.write_text(text)

    def apply(self, monitor, noisy_limits=NO_LIMIT):
        self.write(monitor, noisy_limits)
        self.voicectl("apply", "-f", self.file, "--yes")

    def key_file(self, slug):
        return self.folder / f"{slug}.key"

    def voicectl(self, *words):
        return subprocess.run([self.bin / "voicectl", "--socket", self.socket, *words], check=True,
                              capture_output=True, text=True).stdout

    def home_of_noisy(self):
        return json.loads(self.voicectl("tenant", "show", NOISY, "-o", "json"))["instance"]

    def make_sessions(self, count):
        made = self.ask(self.slugs, path="/api/sessions", body='{"customer_name":"Bench"}', expect=201, connections=64,
                        requests=count * len(self.slugs), warm_up=0, seconds=600)
        if made["errors"] or made["refused"]:
            raise SystemExit(f"cannot make sessions: {made}")
        # Nobody joins their calls, so they end half a minute later, all at once, which would be measured as well; and a
        # session that is over costs less to count than a live one.
        say(f"{made['answers']} sessions are made, and left to end")
        patience = time.monotonic() + 120
        while any(self.live_sessions(slug) for slug in self.slugs):
            if time.monotonic() > patience:
                raise SystemExit("sessions do not end")
            time.sleep(1)
        time.sleep(2)  # what their ends leave to be done

    def live_sessions(self, slug):
        asked = urllib.request.Request(f"http://127.0.0.1:{self.ports['http']}/health",
                                       headers={"Host": f"{slug}.bench.test"})
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)["sessions"]

    def load(self, slugs, path=PATH, **options):
        words = [self.bin / "voicectl-neighbours-load", "--port", str(self.ports["http"]), "--path", path]
        for name, value in options.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        for slug in slugs:
            words += ["--host", f"{slug}.bench.test", "--key-file", str(self.key_file(slug))]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def ask(self, slugs, **options):
        return json.loads(self.load(slugs, **options).communicate()[0])

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


def set_row(platform, row, rate, options):
    """Brings the platform to where the row is measured."""
    limits = NO_LIMIT
    if row == "limits":
        most = max(1, int(3 * rate * WINDOW_S))
        limits = {"api_requests": most, "api_requests_per_key": most, "requests_in_flight": 4}
    platform.apply(MONITOR_ON if row == "promotion" else MONITOR_OFF, limits)
    is_alone = platform.home_of_noisy().startswith("dedicated-")
    if row != "promotion" and is_alone:
        # Back into the pool, and from there on the monitor's again: no file takes back what a command has said.
        platform.voicectl("tenant", "tier", NOISY, "pooled", "--yes")
        platform.voicectl("tenant", "tier", NOISY, "auto", "--yes")
    elif row == "promotion" and not is_alone:
        pressing = noisy_load(platform, rate, options, PROMOTION_PATIENCE_S, 0)
        try:
            platform.wait_for_promotion()
        finally:
            pressing.terminate()
            pressing.wait()
    if row == "limits":
        # What it may have at once, however seldom it asks, is not what is looked at.
        platform.ask([NOISY], connections=NOISY_CONNECTIONS, seconds=3, warm_up=0)


def noisy_load(platform, rate, options, seconds, warm_up):
    return platform.load([NOISY], rate=rate * options.times, burst=options.burst, connections=NOISY_CONNECTIONS,
                         seconds=seconds, warm_up=warm_up)


def measure(platform, row, rate, options):
    set_row(platform, row, rate, options)
    quiet = [slug for slug in platform.slugs if slug != NOISY]
    # A second longer than the quiet ones are measured.
    noisy = noisy_load(platform, rate, options, options.seconds + 1, WARM_UP_S - 0.5) if row != "quiet" else None
    seen = platform.ask(quiet, rate=rate * QUIET, connections=4 * QUIET, seconds=options.seconds, warm_up=WARM_UP_S)
    seen["home"] = platform.home_of_noisy()
    seen["noisy"] = json.loads(noisy.communicate()[0]) if noisy else None
    for who, load in (("the quiet tenants", seen), ("the tenth", seen["noisy"])):
        if load and load["errors"]:
            raise SystemExit(f"{row}: {load['errors']} requests of {who} failed: {load['first_error']}")
    if seen["refused"] or not seen["answers"]:
        raise SystemExit(f"{row}: {seen['refused']} requests of the quiet tenants were refused, {seen['answers']} answered")
    return seen


def rate_of(platform, options):
    """Requests a second of a quiet tenant, when the tenth asks for its share of what it would get alone."""
    if options.rate:
        return options.rate
    tries = [platform.ask([NOISY], connections=NOISY_CONNECTIONS, seconds=2, warm_up=0.5) for _ in range(3)]
    most = max(one["answers"] / one["seconds"] for one in tries)  # whoever else works here takes away, and adds nothing
    say(f"alone the tenth gets {most:,.0f} answers a second")
    return options.share * most / options.times


def medians(rounds):
    """Of each figure of each row."""
    results = {}
    for row, seen in rounds.items():
        results[row] = {key: int(statistics.median(one[key] for one in seen))
                        for key in ("p50_us", "p95_us", "p99_us", "most_us", "answers")}
        results[row]["home"] = seen[0]["home"]
        results[row]["times_quiet"] = statistics.median(
            one["p99_us"] / quiet["p99_us"] for one, quiet in zip(seen, rounds["quiet"]))
        if seen[0]["noisy"]:
            results[row]["noisy"] = {key: statistics.median(one["noisy"][key] / one["noisy"]["seconds"] ** is_rate
                                                            for one in seen)
                                     for key, is_rate in (("answers", 1), ("refused", 1), ("p99_us", 0))}
    return results


def show(results):
    columns = ["p50_us", "p95_us", "p99_us", "most_us", "answers"]
    print("nine quiet tenants".ljust(20) + "".join(c.rjust(10) for c in columns)
          + "   p99 x quiet | the tenth: answers/s  429/s     p99_us  on")
    for row, seen in results.items():
        tenth = "(idle)"
        if noisy := seen.get("noisy"):
            tenth = f"{noisy['answers']:20,.1f} {noisy['refused']:6,.1f} {noisy['p99_us']:10,.0f}  {seen['home']}"
        print(row.ljust(20) + "".join(f"{seen[c]:>10,}" for c in columns) + f"{seen['times_quiet']:14.2f} | {tenth}")


def verdict(results):
    """Exit code."""
    beside, promoted = results["neighbour"]["times_quiet"], results["promotion"]["times_quiet"]
    if beside < AIM:
        say(f"the tenth alone makes {beside:.2f} of it, so limits and promotion have nothing to mend here: try a larger --share "
            "or --burst, or more --sessions")
    print(f"aim: promotion at most {AIM} x quiet: {'met' if promoted <= AIM else 'MISSED'} ({promoted:.2f})")
    return 0 if promoted <= AIM else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--rate", type=float, help="requests a second of each quiet tenant, whatever --share says")
    parser.add_argument("--share", type=float, default=0.4, help="what the tenth asks for, of what it would get alone")
    parser.add_argument("--burst", type=int, default=1, help="requests that the tenth sends at a time")
    parser.add_argument("--times", type=int, default=20, help="how much more the tenth asks for than a quiet one")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=500, help="sessions of each tenant")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    rounds = {row: [] for row in ROWS}
    with tempfile.TemporaryDirectory(prefix="vcn-") as folder:
        os.chmod(folder, 0o755)
        with contextlib.closing(Platform(options.bin.resolve(), folder)) as platform:
            platform.make_sessions(options.sessions)
            rate = rate_of(platform, options)
            say(f"{rate:.2f} requests a second of each quiet tenant, {rate * options.times:.0f} of the tenth")
            for number in range(options.rounds):
                for row in ROWS:
                    rounds[row].append(measure(platform, row, rate, options))
                    say(f"round {number + 1}, {row}: {json.dumps(rounds[row][-1])}")
    results = medians(rounds)
    show(results)
    if options.json:
        options.json.write_text(json.dumps({"rate": rate, "rounds": rounds}, indent=1))
    return verdict(results)


if __name__ == "__main__":
    sys.exit(main())
