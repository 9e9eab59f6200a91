#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each mistake that the simulator must find can still be made: its text is once in its source.

What the README's table tells of was found, and is one of them.

Usage: check_mutants.py <repository root>
"""
import importlib.util
import sys
from pathlib import Path


def main() -> int:
    root = Path(sys.argv[1])
    where = root / "tests/sim/provisioner/workload/mutants.py"
    spec = importlib.util.spec_from_file_location("mutants", where)
    mutants = importlib.util.module_from_spec(spec)
    sys.modules["mutants"] = mutants
    sys.dont_write_bytecode = True
    spec.loader.exec_module(mutants)
    problems = []
    names = set()
    for mutant in mutants.MUTANTS:
        source = root / mutant.file
        found = source.read_text().count(mutant.old) if source.is_file() else 0
        if found != 1:
            problems.append(f"{mutant.file}: what '{mutant.name}' replaces is there {found} times")
        if mutant.name in names or mutant.old == mutant.new:
            problems.append(f"{where}: '{mutant.name}' is there twice, or changes nothing")
        names.add(mutant.name)
    if len(names) < 20:
        problems.append(f"{where}: {len(names)} mutants; the simulator must find 20")
    _, table, _ = mutants.rows_in((root / mutants.README).read_text())
    for name in sorted(table.keys() - names):
        problems.append(f"{mutants.README}: '{name}' is in the table and no mutant")
    for name in [name for name, row in table.items() if mutants.NOBODY in row]:
        problems.append(f"{mutants.README}: nobody has found '{name}'")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
