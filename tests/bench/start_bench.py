#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How soon `voicectl plan` and `apply` say something to a person.

`./run bench start [RUNS]`: from the start of the program on a terminal to its first byte, without a
daemon. The document has 1,000 tenants, so that a program that reads before it speaks is seen.
"""
import os
import pathlib
import pty
import statistics
import sys
import tempfile
import time


def first_byte_ms(argv: list[str]) -> float:
    """Milliseconds until the first byte on a terminal."""
    begun = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(argv[0], argv)
    os.read(terminal, 1)
    took = (time.monotonic() - begun) * 1000
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass  # the terminal ends with the program
    os.close(terminal)
    os.waitpid(pid, 0)
    return took


def document(tenants: int) -> str:
    head = "apiVersion: voicectl/v1\nplatform: {domain: bench.test}\ntenants:\n"
    return head + "".join(
        f"  - {{slug: t{i}, name: T{i}, business_type: restaurant, "
        "menu: [{name: Soup, price: \"4.50\"}]}\n" for i in range(tenants))


def main() -> int:
    bin_folder = pathlib.Path(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "platform.yaml"
        path.write_text(document(1000), encoding="utf-8")
        for words in (["plan", "-f", str(path)], ["apply", "-f", str(path)], ["--help"]):
            argv = [str(bin_folder / "voicectl"), "--socket", f"{folder}/none", *words]
            took = sorted(first_byte_ms(argv) for _ in range(runs))
            print(f"start.{words[0].lstrip('-')}_first_byte_ms median {statistics.median(took):.1f} "
                  f"p90 {took[int(len(took) * 0.9)]:.1f} most {took[-1]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
