#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what callers see when their instance is killed, and what keeping their WebSockets costs.

    recovery_bench.py BIN [--connections 200,2000] [--kills N] [--json FILE]

First the cost per message, of a server whose WebSockets are kept beside one whose are not, in turn.
Then the instance of a tenant is killed (SIGKILL) again and again while its WebSockets are pinged and
sent events. Printed: how many ended, numbers lost or doubled in either direction, the longest pause of
any, what the instances say they could go on with, and memory per WebSocket in instance and holder
together. Loopback only; it ends by itself.
"""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from handover_bench import Platform, load, say  # noqa: E402

COLUMNS = ["kills", "ended", "recovered", "doubtful", "lost", "doubled", "reordered", "failed",
           "pause_p50_us", "pause_p99_us", "pause_max_us", "bytes_each"]
# The daemon starts an instance that is killed often more slowly each time, so each kill waits for it.
READY_LIMIT = 30


def pss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def instance_pid(platform):
    """None while there is none."""
    answer = json.loads(platform.voicectl("ps", "-o", "json"))
    return (answer["instances"] if isinstance(answer, dict) else answer)[0].get("pid")


def kill(platform):
    end = time.monotonic() + READY_LIMIT
    while not (pid := instance_pid(platform)) and time.monotonic() < end:
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)


def memory(platform):
    file = pathlib.Path(platform.socket).parent / "holder.json"
    return pss_kib(instance_pid(platform)) + pss_kib(json.loads(file.read_text())["pid"])


def recoveries(platform):
    found = []
    for line in platform.voicectl("events", "-o", "json").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            event = json.loads(line)
            if event.get("name") == "instance.recovered":
                found.append(event["detail"])
    return found


def measure(platform, connections, kills):
    before = memory(platform)
    full = []

    def act(number):
        if number == 0:
            full.append(memory(platform))
        kill(platform)

    seen = load(platform, platform.http, connections, 4 + kills * 4, act, kills, 3)
    told = recoveries(platform)
    doubts = {}
    for one in told:
        for why, count in one["doubtful"].items():
            doubts[why] = doubts.get(why, 0) + count
    seen["kills"] = seen.pop("moves")
    seen["recovered"] = sum(one["websockets"] for one in told)
    seen["doubtful"] = sum(doubts.values())
    seen["doubts"] = doubts
    seen["bytes_each"] = round((full[0] - before) * 1024 / connections)
    return seen


def show(results):
    table = [["connections", *COLUMNS]]
    table += [[str(seen.get(column, "")) for column in table[0]] for seen in results]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--connections", default="200,2000")
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--json")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    messages = subprocess.run([pathlib.Path(options.bin) / "voicectl-parking-bench"], check=True,
                              capture_output=True, text=True).stdout
    print(messages, end="")
    results = []
    for connections in [int(n) for n in options.connections.split(",")]:
        # A platform of its own for each: an instance that is killed often is started more slowly.
        with tempfile.TemporaryDirectory(prefix="vcr-") as folder:
            os.chmod(folder, 0o755)
            with contextlib.closing(Platform(options.bin, folder + "/a")) as platform:
                results.append({"connections": connections,
                                **measure(platform, connections, options.kills)})
                say(json.dumps(results[-1]))
    show(results)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            {"messages": json.loads(messages), "kills": results}, indent=1))


if __name__ == "__main__":
    main()
