#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every program that belongs to the product is in the list that `./run demo` and `./run bench` build.

Who starts a program by its name finds it beside its own, so no target depends on it: without the
list it is missing on a fresh machine, and only there.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
MADE = re.compile(r"add_executable\(\s*(\S+)")
PLACED = re.compile(r"set_target_properties\((\S+)\s+PROPERTIES\s+RUNTIME_OUTPUT_DIRECTORY")
LISTED = re.compile(r"^readonly programs=\(([^)]*)\)", re.MULTILINE)
NOT_OURS = {"build", "tests"}


def main() -> int:
    made = set()
    for path in sorted(ROOT.rglob("CMakeLists.txt")):
        if NOT_OURS.isdisjoint(path.relative_to(ROOT).parts):
            text = path.read_text(encoding="utf-8")
            made |= set(MADE.findall(text)) & set(PLACED.findall(text))
    script = ROOT / "run"
    found = LISTED.search(script.read_text(encoding="utf-8")) if script.exists() else None
    listed = set(found.group(1).split()) if found else set()
    problems = [f"run: program '{name}' is not in the list of programs" for name in sorted(made - listed)]
    problems += [f"run: there is no program '{name}'" for name in sorted(listed - made)]
    print("\n".join(problems))
    print(f"{len(made)} programs, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
