#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each lint refuses a tree that breaks its rules and passes one that does not."""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"

# Lint, file, line that must be refused.
REFUSED = [
    ("check_layers", "runtime/x.cpp", '#include "provisioner/model/snapshot.h"'),
    ("check_layers", "provisioner/plan/x.cpp", '#include "base/os/reactor.h"'),
    ("check_layers", "monitor/x.cpp", '#include "provisioner/registry/registry.h"'),
    ("check_layers", "base/x.cpp", '#include "cli/output.h"'),
    ("check_layers", "cli/x.cpp", "#include <sqlite3.h>"),
    ("check_layers", "runtime/x.h", "#include <nlohmann/json.hpp>"),
    ("check_seams", "runtime/x.cpp", "auto t = std::chrono::steady_clock::now();"),
    ("check_seams", "monitor/x.cpp", "std::this_thread::sleep_for(1s);"),
    ("check_seams", "provisioner/apply/x.cpp", "::kill(pid, 9);"),
    ("check_seams", "provisioner/apply/x.cpp", "const int child = fork();"),
    ("check_seams", "runtime/x.cpp", 'std::ofstream out("x");'),
    ("check_seams", "runtime/x.cpp", 'getenv("HOME");'),
    ("check_events", "provisioner/daemon/x.cpp", 'events_.add("tenant.unheard_of", "x");'),
    ("check_programs", "x/CMakeLists.txt",
     "add_executable(voicectl-x main.cpp)\n"
     "set_target_properties(voicectl-x PROPERTIES RUNTIME_OUTPUT_DIRECTORY bin)"),
    ("check_words", "runtime/x.cpp", "co_await f(Options{1, 2});"),
    ("check_words", "runtime/x.cpp", '// TODO: later'),
    ("check_words", "runtime/x.cpp", 'return Error(ErrorCode::kTimeout, "Failed to wait");'),
]


def run(lint: str, files: dict[str, str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(SPDX + text + "\n", encoding="utf-8")
        command = [sys.executable, str(HERE / f"{lint}.py"), folder]
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode


def main() -> int:
    failures = []
    clean = {"runtime/x.cpp": '#include "base/result.h"\nint x = 0;'}
    for lint in ("check_events", "check_layers", "check_programs", "check_seams", "check_words"):
        if run(lint, clean) != 0:
            failures.append(f"{lint} refuses a clean tree")
    for lint, name, line in REFUSED:
        if run(lint, {name: line}) == 0:
            failures.append(f"{lint} lets through: {line}")
    print("\n".join(failures) or f"{len(REFUSED)} refused, as they must be")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
