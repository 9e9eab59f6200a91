#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What watching costs: in the daemon, and inside the runtime. Prints one table.

    monitor_bench.py BIN [--tenants N] [--instances N] [--seconds N] [--minutes N] [--pairs N] [--pair-seconds N]
                     [--only daemon|runtime] [--no-edge] [--settle N] [--json FILE]

daemon   processor time of a voicectld at rest with --tenants on --instances, all real: half of the instances are shared,
         with tenants of tier auto, and half have a dedicated tenant each; with the
         monitor at its default interval, and with nginx, through which it asks every tenant (--no-edge: without); and what one
         'voicectl metrics' takes. Windows fill as time goes: --settle 3600 seconds before it measures, and they hold an hour.
runtime  the same load of tool calls, at the same time, on a runtime that counts what tenants cost and whose daemon samples
         it, and on one with neither (--no-metering, its daemon stopped). Both share one core, so that whatever disturbs it
         disturbs both, and both are fresh processes for each pair, because where one lies in memory is worth more than 1 %:
         many short pairs tell more than few long ones. The runtime's processor time for a call, compared pair by pair, for
         --minutes, or for --pairs; it ends earlier when it is sure. The cost is the mean of the pairs without the tenth at
         either end, where somebody disturbed one of the two.
"""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import tempfile
import threading
import time

from common import free_port, say

TICKS = os.sysconf("SC_CLK_TCK")
AIM = 0.01
WARM_UP_S = 0.3
# It ends before its time only after so many pairs, and so many standard errors away from the aim: who looks again and
# again and stops when he likes what he sees must be surer than who looks once.
LEAST_PAIRS = 30
SURE = 4

PLATFORM = """apiVersion: voicectl/v1
platform:
  domain: bench.test
  edge: {{ {edge} }}
  ports: {{ range: "{first}-{last}" }}
  pool: {{ size: {instances} }}
  backend_networks: [ 127.0.0.1 ]
  ultravox: {{ endpoint: "http://127.0.0.1:{fakes}/api" }}
tenants:
"""
TENANT = ('  - {{ slug: t{i}, name: Bench, business_type: restaurant, plan: enterprise, tier: {tier}, '
          'limits: {{ concurrent_sessions: 100000 }}, '
          'menu: [ {{ name: Margherita Pizza, price: "18.99", prep_time: 15 }}, '
          '{{ name: Garlic Bread, price: "8.99", prep_time: 8 }} ] }}\n')


def cpu_seconds(pid):
    """Processor time of all threads of a process, to the nanosecond where the kernel counts so: a tick of 10 ms that comes
    by the clock sees too much or too little of who works by the clock."""
    try:
        return sum(int(one.read_text().split()[0])
                   for one in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    except FileNotFoundError:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def is_zombie(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


class Platform:
    def __init__(self, bin_folder, folder, tenants, instances, tier="pooled", dedicated=0, has_edge=False,
                 first_port=20000):
        self.bin, self.folder = pathlib.Path(bin_folder), pathlib.Path(folder)
        self.folder.mkdir(mode=0o755)
        self.workspace = self.folder / "ws"
        self.fakes = free_port()
        file = self.folder / "platform.yaml"
        edge = (f"mode: dynamic, address: 127.0.0.1, http_port: {free_port()}, https_port: {free_port()}"
                if has_edge else "mode: none")
        file.write_text(PLATFORM.format(instances=instances - dedicated, fakes=self.fakes, first=first_port,
                                        last=first_port + 999 + tenants + instances,
                                        edge=edge)
                        + "".join(TENANT.format(i=i, tier="dedicated" if i < dedicated else tier)
                                  for i in range(tenants)))
        subprocess.run([self.bin / "voicectl", "up", "--workspace", self.workspace, "-f", file], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket = json.loads((self.workspace / "workspace.json").read_text())["run"] + "/control.sock"
        # The load plays Ultravox itself, on the same port.
        stand_in = json.loads((self.workspace / "standin.json").read_text())["pid"]
        os.kill(stand_in, signal.SIGTERM)
        while pathlib.Path(f"/proc/{stand_in}").exists() and not is_zombie(stand_in):
            time.sleep(0.01)

    def voicectl(self, *words):
        return subprocess.run([self.bin / "voicectl", "--socket", self.socket, *words], check=True,
                              capture_output=True, text=True).stdout

    def daemon(self):
        return json.loads(self.voicectl("status", "-o", "json"))["daemon"]["pid"]

    def first_instance(self):
        return json.loads(self.voicectl("ps", "-o", "json"))["instances"][0]

    def close(self):
        subprocess.run([self.bin / "voicectl", "down", "--workspace", self.workspace, "--purge", "--yes",
                        "--confirm=ws"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure_daemon(options, folder):
    say(f"{options.tenants} tenants on {options.instances} instances are being made")
    with contextlib.closing(Platform(options.bin, folder / "many", options.tenants, options.instances, "auto",
                                     dedicated=options.instances // 2, has_edge=options.edge)) as platform:
        pid = platform.daemon()
        time.sleep(max(12, options.settle))  # two looks at least, so that rates are known
        before, begun = cpu_seconds(pid), time.monotonic()
        time.sleep(options.seconds)
        share = (cpu_seconds(pid) - before) / (time.monotonic() - begun)
        scrapes = 10
        before, begun = cpu_seconds(pid), time.monotonic()
        size = [len(platform.voicectl("metrics")) for _ in range(scrapes)][-1]
        scrape = (cpu_seconds(pid) - before - share * (time.monotonic() - begun)) / scrapes
        seen = platform.voicectl("metrics")
    told = sum(line.startswith("voicectl_tenant_sessions{") for line in seen.splitlines())
    if told != options.tenants:
        raise SystemExit(f"{told} tenants were sampled instead of {options.tenants}")
    probes = sum(int(line.rsplit(" ", 1)[1]) for line in seen.splitlines()
                 if line.startswith('voicectl_edge_probes_total{result="answered"'))
    if options.edge and not probes:
        raise SystemExit("nobody answered through the edge")
    return {"tenants": options.tenants, "instances": options.instances, "seconds": options.seconds, "share": share,
            "edge_probes": probes, "settled_s": options.settle, "scrape_s": scrape, "scrape_bytes": size}


def without_metering(bin_folder, folder):
    """A folder of the same programs, in which the runtime counts nothing."""
    folder.mkdir(mode=0o755)
    for program in pathlib.Path(bin_folder).iterdir():
        if program.is_file() and program.name != "voice-runtime":
            (folder / program.name).symlink_to(program)
    script = folder / "voice-runtime"
    script.write_text(f'#!/bin/sh\nexec {bin_folder}/voice-runtime --no-metering "$@"\n')
    script.chmod(0o755)
    return folder


class Side:
    """A platform of one tenant, and how to load it."""

    def __init__(self, options, platform, is_watched):
        self.options, self.platform, self.is_watched = options, platform, is_watched
        self.key = platform.folder / "key"
        made = platform.voicectl("tenant", "key", "create", "t0", "--scope", "widget", "-o", "json")
        self.key.write_text(json.loads(made)["key"])
        self.daemon = platform.daemon()
        self.port = json.loads(platform.voicectl("tenant", "show", "t0", "-o", "json"))["port"]

    def renew(self, core):
        """A new process, on `core` alone."""
        self.platform.voicectl("instance", "restart", self.platform.first_instance()["instance"], "--yes")
        self.pid = self.platform.first_instance()["pid"]
        for thread in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})

    def measure(self):
        """Processor time of the process for a tool call, in seconds."""
        options = self.options
        words = [options.bin / "voicectl-bench", "tools", "--port", str(self.port), "--pid", str(self.pid), "--tenant",
                 "t0", "--key-file", self.key, "--fakes-port", str(self.platform.fakes), "--connections", "64",
                 "--sessions", "100", "--seconds", str(options.pair_seconds), "--warm-up", str(WARM_UP_S)]
        if not self.is_watched:
            os.kill(self.daemon, signal.SIGSTOP)
        try:
            answer = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        finally:
            os.kill(self.daemon, signal.SIGCONT)
        return 1 / json.loads(answer)["per_cpu_second"]


def at_once(sides, core):
    """What each side's measure() says of the same seconds."""
    seen = {}
    both_there = threading.Barrier(len(sides))

    def one(side):
        try:
            side.renew(core)
            both_there.wait()
            seen[side] = side.measure()
        except BaseException:
            both_there.abort()  # nobody waits for one that does not come
            raise

    threads = [threading.Thread(target=one, args=(side,)) for side in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(seen) != len(sides):
        raise SystemExit("a load ended early, see above")
    return [seen[side] for side in sides]


def trimmed_mean(values):
    """The mean without the tenth at either end, and its standard error (Yuen's)."""
    values = sorted(values)
    count, cut = len(values), len(values) // 10
    held = [values[cut]] * cut + values[cut:count - cut] + [values[count - cut - 1]] * cut
    error = statistics.stdev(held) / ((1 - 2 * cut / count) * count ** 0.5) if count > 1 else float("inf")
    return statistics.mean(values[cut:count - cut]), error


def measure_runtime(options, folder):
    uncounted = without_metering(options.bin, folder / "uncounted")
    pairs = []
    with contextlib.closing(Platform(options.bin, folder / "on", 1, 1)) as watched, \
            contextlib.closing(Platform(uncounted, folder / "off", 1, 1, first_port=22000)) as unwatched:
        sides = [Side(options, watched, True), Side(options, unwatched, False)]
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:-1] or cores)
        end = time.monotonic() + options.minutes * 60
        while len(pairs) < options.pairs if options.pairs else time.monotonic() < end:
            pairs.append(at_once(sides, cores[-1]))
            costs = [with_it / without - 1 for with_it, without in pairs]
            cost, error = trimmed_mean(costs)
            say(f"pair {len(pairs)}: {pairs[-1][0] * 1e6:,.1f} us with, {pairs[-1][1] * 1e6:,.1f} us without; "
                f"{cost:+.2%} until now, standard error {error:.2%}")
            if not options.pairs and len(pairs) >= LEAST_PAIRS and abs(cost - AIM) > SURE * error:
                break
    return {"pairs": pairs, "cost": cost, "standard_error": error}


def verdict(value, error=0):
    """Only what lies beyond twice its standard error is told apart from the aim."""
    if abs(value - AIM) < 2 * error:
        return "cannot be told: more pairs, or a quieter machine"
    return "met" if value < AIM else "MISSED"


def show(results):
    if seen := results.get("daemon"):
        print(f"daemon, {seen['tenants']:,} tenants on {seen['instances']} instances, {seen['seconds']} s at rest "
              f"{'beside an edge that it asks' if seen['edge_probes'] else 'without an edge'}: "
              f"{seen['share']:.2%} of a core (aim: < {AIM:.0%}, {verdict(seen['share'])})")
        print(f"one 'voicectl metrics' of them: {seen['scrape_s'] * 1000:.1f} ms of the daemon's processor time, "
              f"{seen['scrape_bytes']:,} bytes")
    if seen := results.get("runtime"):
        print(f"runtime, {len(seen['pairs'])} pairs: watching costs {seen['cost']:.2%} of a call's processor time, "
              f"standard error {seen['standard_error']:.2%} (aim: < {AIM:.0%}, {verdict(seen['cost'], seen['standard_error'])})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=4, help="how long pairs are measured")
    parser.add_argument("--pairs", type=int, default=0, help="so many, however long it takes")
    parser.add_argument("--pair-seconds", type=float, default=1)
    parser.add_argument("--only", choices=["daemon", "runtime"])
    parser.add_argument("--no-edge", dest="edge", action="store_false")
    parser.add_argument("--settle", type=int, default=0)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    options.bin = options.bin.resolve()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    results = {}
    with tempfile.TemporaryDirectory(prefix="vcm-") as name:
        os.chmod(name, 0o755)
        for part, measure in (("daemon", measure_daemon), ("runtime", measure_runtime)):
            if options.only in (None, part):
                results[part] = measure(options, pathlib.Path(name))
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
