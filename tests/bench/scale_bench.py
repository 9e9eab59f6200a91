#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How time and memory of voicectl and voicectld grow with the number of tenants.

    scale_bench.py BIN [--tenants 100,1000,10000] [--runs N] [--json FILE] [--own-kernel]

A platform each: validate, apply of all tenants from nothing, plan with nothing to do, plan and apply
of ten changes, and a daemon that is killed and comes back to what still runs. What needs more descriptors than
this machine allows is left out, and said; --own-kernel measures it all the same (see own_kernel.py), which takes
times for comparisons among themselves.
"""
import argparse
import json
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import own_kernel
from common import say

# What each tenant takes of the daemon: two listeners; and of its instance: those, its databases, its connections' poll set.
IN_DAEMON = 2
IN_INSTANCE = 8
TENANTS_PER_INSTANCE = 1000

HEAD = """apiVersion: voicectl/v1
platform:
  domain: bench.test
  edge: {{ mode: dynamic, address: 127.0.0.1, http_port: {http}, https_port: {https} }}
  ports: {{ range: "20000-{last}" }}
  pool: {{ size: {pool} }}
  monitor: {{ mode: off }}
  ultravox: {{ endpoint: "http://127.0.0.1:{standin}/api" }}
tenants:
"""
TENANT = ('  - {{ slug: t{i}, name: "{name} {i}", business_type: restaurant, plan: starter, '
          'menu: [ {{ name: Margherita Pizza, price: "18.99" }}, {{ name: Garlic Bread, price: "8.99" }} ] }}\n')


def run(argv):
    """Seconds, most resident MiB, what was printed and the end of what was complained of."""
    with tempfile.TemporaryFile() as complaints:
        begun = time.monotonic()
        process = subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE, stderr=complaints)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        complaints.seek(0)
        return {"s": took, "mib": usage.ru_maxrss / 1024, "code": process.returncode,
                "output": output.decode(), "complaints": complaints.read().decode()[-500:]}


def memory_mib(pid):
    """Resident memory of a process."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"process {pid} has no memory")


class Platform:
    def __init__(self, bin_folder, folder, tenants):
        self.bin, self.folder, self.tenants = bin_folder, folder, tenants
        self.workspace = folder / "ws"

    def document(self, renamed=0, empty=False):
        path = self.folder / "platform.yaml"
        text = HEAD.format(http=18080, https=18443, standin=14100, last=20999 + self.tenants,
                           pool=max(1, self.tenants // TENANTS_PER_INSTANCE))
        if empty:
            text = text.replace("tenants:\n", "tenants: []\n")
        else:
            text += "".join(TENANT.format(i=i, name="New" if i < renamed else "Old")
                            for i in range(self.tenants))
        path.write_text(text)
        return path

    def up(self, *words):
        seen = run([self.bin / "voicectl", "up", "--workspace", self.workspace, *words])
        run_folder = json.loads((self.workspace / "workspace.json").read_text())["run"]
        self.socket = run_folder + "/control.sock"
        return seen

    def down(self):
        subprocess.run([self.bin / "voicectl", "down", "--workspace", self.workspace, "--purge", "--yes",
                        "--confirm=ws"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def voicectl(self, *words):
        return run([self.bin / "voicectl", "--socket", self.socket, *words])

    def daemon(self):
        return json.loads(self.voicectl("status", "-o", "json")["output"])["daemon"]["pid"]

    def instances(self):
        answer = json.loads(self.voicectl("ps", "-o", "json")["output"])
        return [one["pid"] for one in answer["instances"] if one.get("pid")]


def median(runs, code, measure):
    seen = [measure() for _ in range(runs)]
    for one in seen:
        if one["code"] != code:
            failed = [line for line in one["output"].splitlines() if line.lstrip().startswith("failed ")]
            told = "\n".join(failed[:20] + [one["output"][-500:], one["complaints"]])
            raise SystemExit(f"ended with {one['code']} instead of {code}:\n{told}")
    return {key: statistics.median(one[key] for one in seen) for key in ("s", "mib")}


def measure(platform, runs):
    results = {}

    def note(name, seen):
        results[name] = {key: seen[key] for key in ("s", "mib") if key in seen}
        say(f"  {name:22} {seen.get('s', 0) * 1000:12,.1f} ms {seen['mib']:9.1f} MiB")

    empty = platform.document(empty=True)
    platform.up("-f", empty)
    path = platform.document()
    note("validate", median(runs, 0, lambda: run([platform.bin / "voicectl", "validate", "-f", path])))
    note("apply from nothing", median(1, 0, lambda: platform.voicectl("apply", "-f", path, "--yes")))
    idle = ("plan", "-f", path, "--detailed-exitcode")
    note("plan, nothing to do", median(runs, 0, lambda: platform.voicectl(*idle)))
    platform.document(renamed=10)
    note("plan, ten changes", median(runs, 2, lambda: platform.voicectl(*idle)))
    note("apply of ten changes", median(1, 0, lambda: platform.voicectl("apply", "-f", path, "--yes")))
    daemon = platform.daemon()
    note("daemon at rest", {"mib": memory_mib(daemon)})
    note("largest instance", {"mib": max(memory_mib(pid) for pid in platform.instances())})
    os.kill(daemon, signal.SIGKILL)
    while pathlib.Path(f"/proc/{daemon}").exists():
        time.sleep(0.01)
    note("daemon comes back", median(1, 0, platform.up))
    note("daemon that came back", {"mib": memory_mib(platform.daemon())})
    return results


def show(results):
    names = list(results)
    rows = list(next(iter(results.values())))
    print("tenants".ljust(22) + "".join(f"{n:>28,}" for n in names))
    for row in rows:
        cells = []
        for n in names:
            seen = results[n][row]
            time_of = f"{seen['s'] * 1000:,.1f} ms" if "s" in seen else ""
            cells.append(f"{time_of:>15} {seen['mib']:8.1f} MiB")
        print(row.ljust(22) + "".join(cells))


def most_descriptors(tenants):
    """That one process of such a platform needs."""
    return max(IN_DAEMON * tenants, IN_INSTANCE * min(tenants, TENANTS_PER_INSTANCE)) + 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--tenants", default="100,1000,10000")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--own-kernel", action="store_true", help="as root on user-mode Linux")
    options = parser.parse_args()
    platforms = [int(n) for n in options.tenants.split(",")]
    if options.own_kernel:
        if options.json:
            raise SystemExit("--json does not go with --own-kernel, which cannot write here")
        again = [sys.executable, os.path.realpath(__file__), options.bin.resolve(), "--tenants", options.tenants,
                 "--runs", options.runs]
        sys.exit(own_kernel.run(again, most_descriptors(max(platforms))))
    results = {}
    for tenants in platforms:
        wanted = most_descriptors(tenants)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, most), max(wanted, most)))
        except (ValueError, PermissionError):
            say(f"{tenants:,} tenants were not measured: they need {wanted:,} descriptors, and {most:,} are allowed")
            continue
        say(f"{tenants:,} tenants")
        with tempfile.TemporaryDirectory(prefix="vcs-") as folder:
            os.chmod(folder, 0o755)
            platform = Platform(options.bin.resolve(), pathlib.Path(folder), tenants)
            try:
                results[tenants] = measure(platform, options.runs)
            finally:
                platform.down()
    if not results:
        raise SystemExit("nothing was measured")
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
