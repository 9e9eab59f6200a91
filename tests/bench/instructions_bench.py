#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions that voice-runtime takes for a tool call, with callgrind.

    instructions_bench.py BIN [--calls N] [--store redis|embedded] [--backend erpnext|builtin] [--keep DIR] [--watching]

The count is nearly the same on a busy machine, unlike seconds. Two loads are counted that differ in
their number of calls alone, so that what is done once, and for the sessions, falls out. --keep leaves
callgrind's files, for callgrind_annotate. --watching counts a second runtime as well, one that does not count what tenants cost
(voice-runtime --no-metering), and tells what watching takes of a call. The daemon's samples are in it, and weigh more than in life:
they come by the clock, and a call takes longer here.
"""
import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import runtime_bench  # noqa: E402

SESSIONS = 400

WRAPPER = """#!/bin/sh
case "$*" in
  *--instance*) exec valgrind --tool=callgrind --callgrind-out-file={out}/counts.%p "{runtime}" "$@" {flags} ;;
  *) exec "{runtime}" "$@" ;;
esac
"""


class Binaries:
    """The programs, with callgrind around the runtime."""

    def __init__(self, folder, wrapper):
        self.folder, self.wrapper = folder, wrapper

    def __truediv__(self, name):
        return self.wrapper if name == "voice-runtime" else self.folder / name


def total_of(path):
    for line in path.read_text().splitlines():
        if line.startswith(("summary:", "totals:")):
            return int(line.split()[1])
    raise SystemExit(f"{path} holds no total")


def control(word, pid):
    subprocess.run(["callgrind_control", word, str(pid)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def count(bench, subject, calls, dump):
    """Instructions of a load of that many calls, and how many it made."""
    control("--zero", subject.pid)
    figures = bench.load(subject, "tools", "--sessions", SESSIONS, "--connections", 64, "--warm-up", 0,
                         "--seconds", 600, "--calls", calls)
    control("--dump", subject.pid)
    return total_of(dump), figures["answers"]


def measure(options, flags=""):
    """Instructions per tool call of a runtime with those flags."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vcb-", dir="/tmp")))
        out = options.keep.resolve() if options.keep else folder
        out.mkdir(parents=True, exist_ok=True)
        binaries = options.binaries.resolve()
        # Beside the others: the daemon looks for programs where the runtime is.
        beside = folder / "bin"
        beside.mkdir()
        for program in binaries.iterdir():
            if program.name != "voice-runtime":
                (beside / program.name).symlink_to(program)
        wrapper = beside / "voice-runtime"
        wrapper.write_text(WRAPPER.format(out=out, runtime=binaries / "voice-runtime", flags=flags))
        wrapper.chmod(0o755)
        bench = runtime_bench.Bench(Binaries(beside, wrapper), folder, stack)
        bench.start_redis()
        platform = bench.start_platform("p", "26000-26999", options.store, options.backend,
                                        [runtime_bench.TENANT])
        if platform is None:
            raise SystemExit((folder / "p" / "apply.log").read_text())
        subject = platform.subject("voice-runtime", runtime_bench.TENANT)
        # What is loaded and remembered with the first calls.
        bench.load(subject, "tools", "--sessions", 8, "--connections", 8, "--warm-up", 0, "--seconds", 100,
                   "--calls", 100)
        few, few_calls = count(bench, subject, options.calls // 4, out / f"counts.{subject.pid}.1")
        more, more_calls = count(bench, subject, options.calls + options.calls // 4,
                                 out / f"counts.{subject.pid}.2")
        each = (more - few) / (more_calls - few_calls)
        print(f"{each:,.0f} instructions per tool call ({options.store} store, {options.backend} backend, "
              f"{more_calls - few_calls:,} calls{', ' + flags if flags else ''})", flush=True)
        return each


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--store", choices=["redis", "embedded"], default="redis")
    parser.add_argument("--backend", choices=["erpnext", "builtin"], default="erpnext")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--watching", action="store_true")
    options = parser.parse_args()
    watched = measure(options)
    if options.watching:
        unwatched = measure(options, "--no-metering")
        print(f"watching takes {1 - unwatched / watched:.2%} of a call")


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    main()
