#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small rules of language and of GCC 12 that no compiler checks."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()

RULES = [
    # GCC 12.2 destroys these temporaries twice; arguments of an awaited call are named variables.
    (r"co_await\s+[\w:.>\-]+\([^;]*\{", "no braced temporary inside a co_await expression"),
    (r"co_await\s+[\w:.>\-]+\([^;]*\?[^;]*:[^:]", "no ?: temporary inside a co_await expression"),
    (r"catch\s*\(\s*\.\.\.\s*\)\s*\{\s*\}", "no empty catch"),
    (r"\bTODO\b(?!\((soon|someday|perf|security)\):)", "TODO(soon|someday|perf|security): what"),
    (r"\bFIXME\b|\bXXX\b|\bHACK\b", "say what is wrong and mend it"),
    (r'Error\(\s*ErrorCode::\w+,\s*(fmt::format\()?\s*"(?!cannot |\{)',
     'an error message starts with "cannot"'),
]


def main() -> int:
    problems: list[str] = []
    count = 0
    for folder in ("base", "cli", "monitor", "playbooks", "provisioner", "runtime"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            count += 1
            text = path.read_text(encoding="utf-8")
            for pattern, why in RULES:
                for match in re.finditer(pattern, text):
                    line = text.count("\n", 0, match.start()) + 1
                    name = path.relative_to(ROOT).as_posix()
                    problems.append(f"{name}:{line}: {why}: '{match.group(0)[:60]!r}'")
    print("\n".join(problems))
    print(f"{count} files, {len(problems)} problems")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
