#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the simulator with each mistake of mutants.py in turn, and lets it look for each."""
import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mutants import MUTANTS, NOBODY, README, Mutant, rows_in

ROOT = Path(__file__).resolve().parents[4]
AS_IT_IS = "the tree as it is"
STORIES = "tests/sim/provisioner/workload/stories"
# What the simulator says of a seed that breaks a law.
BROKEN = re.compile(r"^seed (\d+): law '([^']+)' broken after (\d+) operations and \d+ calls: (.*)$",
                    re.MULTILINE)
CHECKED = re.compile(r"^seed (\d+): a check of the code ended the process$", re.MULTILINE)


def copy_tree(to: Path) -> None:
    """All files that git knows or would: those that are the same stay, so that little is built."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                            check=True, capture_output=True).stdout.decode()
    wanted = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for name in wanted:
        source, target = ROOT / name, to / name
        if not target.is_file() or source.read_bytes() != target.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for target in list(to.rglob("*")):
        name = target.relative_to(to).as_posix()
        if target.is_file() and not name.startswith("build/") and name not in wanted:
            target.unlink()


def build(tree: Path, preset: str, prefix: list[str]) -> str:
    """Returns what the compiler says when it refuses; empty when it does not."""
    environment = dict(os.environ, CCACHE_BASEDIR=str(tree), CCACHE_NOHASHDIR="1")
    ran = subprocess.run([*prefix, "cmake", "--build", f"build/{preset}", "--target",
                          "voicectl-sim"], cwd=tree, env=environment, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=False)
    return ran.stdout[-2000:] if ran.returncode != 0 else ""


def binary_of(tree: Path, name: str) -> Path:
    return tree / "build" / "made" / re.sub(r"[^a-z]+", "-", name)


def make(tree: Path, mutant: Optional[Mutant], options: argparse.Namespace) -> str:
    """Builds the tree with that mistake, or as it is, and keeps the program. Returns why not."""
    file = tree / mutant.file if mutant else None
    text = file.read_text() if file else ""
    if mutant and text.count(mutant.old) != 1:
        return f"its text is not once in {mutant.file}"
    try:
        if mutant:
            file.write_text(text.replace(mutant.old, mutant.new))
        if problem := build(tree, options.preset, options.prefix):
            return problem
    finally:
        if mutant:
            file.write_text(text)
    kept = binary_of(tree, mutant.name if mutant else AS_IT_IS)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(tree / "build" / options.preset / "bin" / "voicectl-sim", kept)
    return ""


def make_all(tree: Path, chosen: list[Mutant], options: argparse.Namespace) -> bool:
    copy_tree(tree)
    subprocess.run([*options.prefix, "cmake", "--preset", options.preset], cwd=tree, check=True,
                   stdout=subprocess.DEVNULL)
    for mutant in [None, *chosen]:
        name = mutant.name if mutant else AS_IT_IS
        if problem := make(tree, mutant, options):
            print(f"cannot build '{name}':\n{problem}", file=sys.stderr)
            return False
        print(f"built: {name}", file=sys.stderr, flush=True)
    return True


@dataclass(frozen=True)
class Look:
    """Which law broke, where, and what it said; no law: none did."""
    law: str = ""
    where: str = ""
    what: str = ""
    # Seeds that it took.
    seeds: int = 0


def look(tree: Path, name: str, first: int, seeds: int, options: argparse.Namespace) -> Look:
    command = [*options.prefix, str(binary_of(tree, name)), "--no-shrink", "--from", str(first),
               "--seeds", str(seeds), "--jobs", str(options.jobs)]
    try:
        ran = subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, errors="replace", timeout=options.patience, check=False)
    except subprocess.TimeoutExpired:
        return Look("comes to an end", "", f"it did not within {options.patience} s", seeds)
    if found := BROKEN.search(ran.stdout):
        seed, law, operations, what = found.groups()
        return Look(law, f"seed {seed}, operation {operations}", what, int(seed) - first + 1)
    if found := CHECKED.search(ran.stdout):
        seed = found.group(1)
        return Look("a check in the code", f"seed {seed}", ran.stdout.strip().split("\n")[0][:200],
                    int(seed) - first + 1)
    if ran.returncode != 0:
        return Look("runs", "", f"ended with {ran.returncode}: {ran.stdout.strip()[-200:]}", seeds)
    return Look()


def look_in_stories(tree: Path, name: str, options: argparse.Namespace) -> Look:
    """The stories that are played by the tests because they once broke a law, one by one."""
    for story in sorted((ROOT / STORIES).glob("*.txt")):
        ran = subprocess.run([*options.prefix, str(binary_of(tree, name)), "--story", str(story)],
                             cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace", timeout=options.patience, check=False)
        if ran.returncode != 0:
            return Look("its story", story.name, ran.stdout.strip().split("\n")[0][:200])
    return Look()


def keep_row(name: str, cells: list[str]) -> None:
    """Puts what was found into the README's table; the rows of other mutants stay as they are."""
    before, table, after = rows_in((ROOT / README).read_text())
    table[name] = "| " + " | ".join(cell.replace("|", "/") for cell in [name, *cells]) + " |"
    rows = [table[mutant.name] for mutant in MUTANTS if mutant.name in table]
    (ROOT / README).write_text(before + "\n".join(rows) + after)


def look_at_all(tree: Path, chosen: list[Mutant], options: argparse.Namespace) -> int:
    survivors = []
    innocent = 0  # so many seeds hold in the tree as it is
    for mutant in chosen:
        found = look(tree, mutant.name, options.first, options.seeds, options)
        # What the tree as it is is found guilty of would be found in every mutant.
        if found.seeds > innocent:
            own = look(tree, AS_IT_IS, options.first + innocent, found.seeds - innocent, options)
            if own.law:
                print(f"the tree as it is breaks '{own.law}' ({own.where}): {own.what}",
                      file=sys.stderr)
                return 2
            innocent = found.seeds
        if not found.law:
            found = look_in_stories(tree, mutant.name, options)
        if not found.law:
            survivors.append(mutant.name)
        print(f"{mutant.name}: {found.law or 'nobody'}, {found.where or 'nowhere'}: {found.what}",
              flush=True)
        if options.write:
            keep_row(mutant.name, [found.law or NOBODY, found.where, found.what])
    if survivors:
        print(f"not found: {', '.join(survivors)}", file=sys.stderr)
    return 1 if survivors else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="most that are played for each")
    parser.add_argument("--from", type=int, default=1, dest="first", help="first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="seeds played at once")
    parser.add_argument("--only", default="", help="only mutants in whose names this text is")
    parser.add_argument("--preset", default="sim", help="how to build: sim (default), dev, ...")
    parser.add_argument("--phase", choices=["build", "look", "both"], default="both",
                        help="only build them all, or only look at those built last")
    parser.add_argument("--patience", type=int, default=900, help="seconds for each to be found")
    parser.add_argument("--write", action="store_true",
                        help="write what was found into the README's table")
    parser.add_argument("--prefix", default="", help="put before each command: \"nice -n 5\"")
    options = parser.parse_args()
    options.prefix = options.prefix.split()
    tree = ROOT / "build" / "mutants"
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.name]
    if options.phase != "look" and not make_all(tree, chosen, options):
        return 2
    return 0 if options.phase == "build" else look_at_all(tree, chosen, options)


if __name__ == "__main__":
    sys.exit(main())
