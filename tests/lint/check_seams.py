#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses code that goes around a seam: clocks, sleeps, randomness, processes, files.

Each rule says what to call instead and in which files the real side of the seam lives.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()

OS = "base/os/"
NET = ["runtime/net/", OS, "runtime/ultravox/stand_in/"]
# Pattern, what to use instead, files and folders where it is allowed.
RULES = [
    (r"steady_clock::now", "Reactor::now() or a Clock", [OS]),
    (r"system_clock::now", "a WallClock", [OS]),
    (r"\b(sleep_for|sleep_until|usleep|nanosleep)\b", "Reactor::call_at, or wait for the event", []),
    (r"std::random_device|\b(std::)?rand\(", "Random", ["base/random.cpp"]),
    (r"(?<![\w:.>])::?v?fork\(|(?<![\w.>])(v)?fork\(|\bexec(v|ve|vp|vpe|l|lp|le)\(|posix_spawnp?\(",
     "ProcessSpawner", [OS]),
    (r"(?<![\w.>_])::kill\(|(?<![\w.>:_])kill\(|pidfd_send_signal", "ProcessSpawner::signal_group",
     [OS]),
    (r"std::(ofstream|ifstream|fstream)", "FileSystem",
     ["cli/", "runtime/ultravox/stand_in/", "runtime/ultravox/caller/main.cpp"]),
    (r"(?<![\w])::open(at)?\(", "FileSystem",
     [OS, "provisioner/registry/sqlite_registry.cpp",
      "provisioner/daemon/log_tail.cpp", "provisioner/daemon/program_fingerprint.cpp",
      "runtime/tenant/time_zone.cpp", "runtime/session/database_files.cpp", "runtime/archive/", "runtime/net/", "cli/"]),
    (r"(?<![\w])::connect\(", "FdChannelFactory or HttpClient", NET + ["cli/", "playbooks/", "provisioner/edge/edge_status.cpp"]),
    (r"\b(secure_)?getenv\(", "flags and configuration", ["cli/", OS + "service_notify.cpp"]),
    (r"\bsystem\(|\bpopen\(", "ProcessSpawner with an argument list", []),
    (r"\bstrcpy\(|\bsprintf\(|\bgets\(", "std::string and fmt", []),
]
TEST_RULES = [
    (r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|\bsleep\(",
     "wait for the event, or own the clock", ["tests/bench/"]),
]
COMMENT = re.compile(r"^\s*(//|\*|/\*)")
STRING = re.compile(r'"(\\.|[^"\\])*"')


def allowed(name: str, homes: list[str]) -> bool:
    return any(name == home or (home.endswith("/") and name.startswith(home)) for home in homes)


def check(path: pathlib.Path, rules, problems: list[str]) -> None:
    name = path.relative_to(ROOT).as_posix()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if COMMENT.match(line):
            continue
        code = STRING.sub('""', line).split("//")[0]
        for pattern, instead, homes in rules:
            if re.search(pattern, code) and not allowed(name, homes):
                problems.append(f"{name}:{number}: '{line.strip()[:80]}' goes around a seam: "
                                f"use {instead}")


def main() -> int:
    problems: list[str] = []
    count = 0
    for folder, rules in [(f, RULES) for f in ("base", "cli", "monitor", "playbooks",
                                               "provisioner", "runtime")] + [("tests", TEST_RULES)]:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                count += 1
                check(path, rules, problems)
    print("\n".join(problems))
    print(f"{count} files, {len(problems)} problems")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
