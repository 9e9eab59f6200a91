#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what callers see when their instance is killed, and what keeping their WebSockets costs.

    recovery_bench.py BIN [--connections 200,2000] [--kills N] [--json FILE]

The instance of a tenant is killed (SIGKILL) while its WebSockets are pinged and sent events, and
again when nobody says anything. Printed: how many ended, numbers lost or doubled in either direction,
the longest pause of any, and memory per WebSocket in instance and holder together. Loopback only; it
ends by itself.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from handover_bench import Platform, load, say  # noqa: E402

COLUMNS = ["kills", "ended", "kept_percent", "lost", "doubled", "reordered", "failed",
           "pause_p50_us", "pause_max_us", "ping_p99_us", "bytes_each"]


def pss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def instance_pid(platform):
    answer = json.loads(platform.voicectl("ps", "-o", "json"))
    return (answer["instances"] if isinstance(answer, dict) else answer)[0]["pid"]


def holder_pid(platform):
    file = pathlib.Path(platform.socket).parent / "holder.json"
    return json.loads(file.read_text())["pid"] if file.exists() else None


def memory(platform):
    holder = holder_pid(platform)
    return pss_kib(instance_pid(platform)) + (pss_kib(holder) if holder else 0)


def kill(platform, _):
    os.kill(instance_pid(platform), signal.SIGKILL)


def measure(platform, connections, kills):
    before = memory(platform)
    full = []
    seen = load(platform, platform.http, connections, 4 + kills * 4,
                lambda number: (full.append(memory(platform)) if number == 0 else None,
                                kill(platform, number)), kills, 3)
    seen["kills"] = seen.pop("moves")
    seen["kept_percent"] = round(100 - 100 * seen["ended"] / max(1, kills * connections), 3)
    seen["bytes_each"] = round((full[0] - before) * 1024 / connections)
    return seen


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
    results = []
    for connections in [int(n) for n in options.connections.split(",")]:
        # A platform of its own for each: an instance that is killed often is started more slowly.
        folder = tempfile.mkdtemp(prefix="vcr-")
        os.chmod(folder, 0o755)
        platform = Platform(options.bin, folder)
        try:
            seen = measure(platform, connections, options.kills)
            results.append({"connections": connections, **seen})
            say(json.dumps(results[-1]))
        finally:
            platform.down()
            shutil.rmtree(folder, ignore_errors=True)
    table = [["connections", *COLUMNS]]
    table += [[str(seen.get(column, "")) for column in table[0]] for seen in results]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
