#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every event that the daemon records is described in docs/reference/events.md, and no other."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
RECORDED = re.compile(r'(?:events_?(?:\(\))?\.|^ *)add\(\s*"([a-z_]+\.[a-z_]+)"', re.MULTILINE)
EDGE = re.compile(r'return "(edge\.[a-z_]+)"')
# Names that are put together of two parts.
COMPOSED = {"monitor.would_": {"monitor.would_promote", "monitor.would_demote"}}


def main() -> int:
    recorded = set()
    for path in sorted((ROOT / "provisioner").rglob("*.cpp")):
        text = path.read_text(encoding="utf-8")
        recorded |= set(RECORDED.findall(text)) | set(EDGE.findall(text))
    for start, names in COMPOSED.items():
        if start in recorded:
            recorded = (recorded - {start}) | names
    document = ROOT / "docs/reference/events.md"
    described = set()
    for line in document.read_text(encoding="utf-8").splitlines() if document.exists() else []:
        if line.startswith("| `"):
            described |= set(re.findall(r"`([a-z_]+\.[a-z_]+)`", line.split("|")[1]))
    problems = [f"event '{name}' is not described" for name in sorted(recorded - described)]
    problems += [f"event '{name}' is described and never recorded"
                 for name in sorted(described - recorded)]
    print("\n".join(problems))
    print(f"{len(recorded)} events, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
