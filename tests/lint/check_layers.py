#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the table of who may include whom, and refuses everything else.

Also refuses: cycles between modules, and third-party headers outside their home.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()

P = "provisioner/"
# Module (longest prefix wins) -> prefixes that its files may include beside its own.
MAY_INCLUDE = {
    "base/os": ["base/"],
    "base": [],
    P + "model": ["base/"],
    P + "plan": ["base/", P + "model/"],
    P + "registry": ["base/", P + "model/"],
    P + "holder": ["base/", P + "instances/", "runtime/parking/protocol.h"],
    P + "instances": ["base/", P + "model/", "runtime/control/protocol.h",
                      "runtime/handoff/protocol.h"],
    P + "edge": ["base/", P + "model/"],
    P + "certs": ["base/", P + "model/"],
    P + "migrate": ["base/", P + "model/", P + "instances/", "runtime/handoff/protocol.h"],
    P + "api": ["base/"],
    P + "apply": ["base/", P + "model/", P + "plan/", P + "registry/", P + "instances/",
                  P + "edge/", P + "certs/", P + "migrate/", P + "api/"],
    # The control API is HTTP: the daemon serves it with the runtime's HTTP layer.
    P + "daemon": ["base/", P, "monitor/", "runtime/net/", "runtime/control/protocol.h"],
    "monitor": ["base/", P + "model/"],
    "runtime": ["base/"],
    "playbooks": ["base/"],
    "cli": ["base/", P + "model/", P + "plan/", P + "api/", "playbooks/",
            P + "edge/template_engine.h", "monitor/"],
}
# Included as "x" or <x>: the folders and files where it is at home.
HOMES = {
    r"^yaml-cpp/": [P + "model/", "playbooks/", "runtime/ultravox/stand_in/"],
    r"^boost/beast": ["runtime/net/", "cli/daemon_client.cpp"],
    r"^curl/": ["runtime/net/"],
    r"^archive(_entry)?\.h$": ["runtime/archive/archive_file.cpp"],
    r"^curses\.h": ["cli/top/curses_screen.cpp"],
    r"^hiredis/": ["runtime/redis/redis_reader.cpp"],
    r"^sqlite3\.h": ["base/sqlite.cpp"],
    r"^spdlog/": ["base/log.cpp"],
    r"^openssl/": ["base/crypto.cpp", "base/hmac_key.cpp", P + "certs/"],
    r"^libssh2": ["playbooks/"],
    r"^CLI/": ["cli/", "runtime/service/main.cpp", "runtime/archive/main.cpp",
               "runtime/ultravox/stand_in/", "runtime/backend/erpnext/stand_in/main.cpp",
               "runtime/ultravox/caller/main.cpp", P + "daemon/main.cpp"],
}
# A pure module must not reach the operating system even through base.
NO_OS = [P + "model", P + "plan"]
# Heavy headers never stand in a header of ours.
HEAVY = re.compile(r"^(boost/(beast|asio)|nlohmann/json\.hpp|yaml-cpp/|CLI/|openssl/|curl/|hiredis/|spdlog/)")

# Private headers of the network layer, where these types are the interface.
HEAVY_HOME = "runtime/net/"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def module_of(path: str) -> str | None:
    best = None
    for module in MAY_INCLUDE:
        if path.startswith(module + "/") and (best is None or len(module) > len(best)):
            best = module
    return best


def is_allowed(module: str, target: str) -> bool:
    if target.startswith(module + "/"):
        return True
    return any(target == p or (p.endswith("/") and target.startswith(p))
               for p in MAY_INCLUDE[module])


def cycles(edges: dict[str, set[str]]) -> list[str]:
    found, state = [], {}

    def visit(node: str, path: list[str]) -> None:
        state[node] = "open"
        for target in sorted(edges.get(node, ())):
            if state.get(target) == "open":
                found.append(" -> ".join(path[path.index(target):] + [target]))
            elif target not in state:
                visit(target, path + [target])
        state[node] = "done"

    for node in sorted(edges):
        if node not in state:
            visit(node, [node])
    return found


def check_file(path: pathlib.Path, problems: list[str], edges: dict[str, set[str]]) -> None:
    name = path.relative_to(ROOT).as_posix()
    module = module_of(name)
    if module is None:
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or "SPDX-License-Identifier" not in lines[0]:
        problems.append(f"{name}:1: begin with the SPDX line")
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, target = match.groups()
        where = f"{name}:{number}"
        if kind == '"':
            owner = module_of(target)
            if owner is None:
                problems.append(f'{where}: "{target}" is not written from the root')
            elif not is_allowed(module, target):
                problems.append(f"{where}: {module} must not include {target}")
            elif module in NO_OS and target.startswith("base/os/"):
                problems.append(f"{where}: {module} is pure and must not include {target}")
            elif owner.split("/")[0] != module.split("/")[0] or owner != module:
                edges.setdefault(module, set()).add(owner)
            continue
        for pattern, homes in HOMES.items():
            if re.match(pattern, target) and not any(
                    name == h or (h.endswith("/") and name.startswith(h)) for h in homes):
                problems.append(f"{where}: <{target}> is at home in {', '.join(homes)}")
        if name.endswith(".h") and HEAVY.match(target) and not name.startswith(HEAVY_HOME):
            problems.append(f"{where}: <{target}> is too heavy for a header")


def main() -> int:
    problems: list[str] = []
    edges: dict[str, set[str]] = {}
    count = 0
    for folder in ("base", "cli", "monitor", "playbooks", "provisioner", "runtime"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                count += 1
                check_file(path, problems, edges)
    problems += [f"cycle between modules: {cycle}" for cycle in cycles(edges)]
    print("\n".join(problems))
    print(f"{count} files, {len(problems)} problems")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
