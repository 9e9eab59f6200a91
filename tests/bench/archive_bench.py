#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how long a tenant's archive takes, and how much memory.

    archive_bench.py BIN [--sessions N] [--events N] [--rounds N]

Makes a tenant with that many sessions and events, exports and imports it with voicectl-archive as
`voicectl tenant export|import` do, and prints medians. Twice: with a tenth of it too, which shows
whether memory grows with the tenant.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import runtime_bench  # noqa: E402

TENANT = "t1"
BEGIN_MS = 1_790_000_000_000
ORDER = {"customer_name": "Alex Rivera", "order_type": "Takeaway",
         "items": [{"item_name": "Margherita Pizza", "quantity": 2},
                   {"item_name": "Garlic Bread", "quantity": 1}]}


def session_document(name, number, events):
    """A session that is over, as the store keeps one."""
    at = BEGIN_MS + number * 1000
    order = json.dumps(ORDER, separators=(",", ":"))
    return json.dumps({
        "session": name, "tenant": TENANT, "business_type": "restaurant", "call_id": f"call-{number}",
        "join_url": f"wss://voice.example.com/calls/{number}", "customer_name": "Alex Rivera",
        "customer_phone": f"+1555{number:07}", "known_customer": "{}", "status": "completed",
        "end_reason": "hangup", "transcript": "Agent: What may I bring you?\nCaller: Two pizzas.\n" * 12,
        "summary": "Two pizzas to take away.", "step": "done", "extracted_data": order,
        "business_outcome": "order.created", "reference_doctype": "Voice Restaurant Order",
        "reference_document": f"order-{number}", "instance": "shared-0", "metadata": "{}",
        "token_sha256": "0" * 64, "request_key": "", "last_seq": events, "tool_calls": 1,
        "created_at": at, "start_time": at, "end_time": at + 90_000, "duration": 90,
        "billed_duration": 90, "deliveries": [f"call-{number}/call.ended"]})


def fill(path, sessions, events):
    each = events // sessions
    data = json.dumps({"tool": "placeOrder", "parameters": ORDER, "result": {"success": True}})
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        for number in range(sessions):
            name = f"{TENANT}_{number:020}"
            at = BEGIN_MS + number * 1000
            database.execute("INSERT INTO sessions VALUES (?,?,?,?,?,?)",
                             (name, "completed", at, at + 90_000, f"call-{number}",
                              session_document(name, number, each)))
            database.execute("INSERT INTO usage VALUES (?,?,?,?,?,?,?)",
                             (name, at, "completed", "order.created", 90, 90, 1))
            database.execute("INSERT INTO records (id, kind, session, at, data) VALUES (?,?,?,?,?)",
                             (f"order-{number}", "order", name, at, data))
            database.executemany(
                "INSERT INTO events VALUES (?,?,?,?,?,?)",
                ((number * each + seq, name, seq, "tool.called", at + seq, data)
                 for seq in range(1, each + 1)))


def run(argv):
    """Seconds, and the most memory in MiB, of a program that must succeed."""
    begun = time.monotonic()
    pid = os.posix_spawn(str(argv[0]), [str(word) for word in argv], os.environ,
                         file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise SystemExit(f"{argv[0]} {argv[1]} failed")
    return time.monotonic() - begun, usage.ru_maxrss / 1024


def make_tenant(binaries, folder, stack):
    """The folder of a tenant as a daemon makes it."""
    bench = runtime_bench.Bench(binaries, folder, stack)
    platform = bench.start_platform("p", "25000-25999", "embedded", "builtin", [TENANT])
    if platform is None:
        raise SystemExit((folder / "p" / "apply.log").read_text())
    document = platform.ask("tenant", "show", TENANT)
    (folder / "document.json").write_text(json.dumps({"slug": TENANT, "name": document.get("name", TENANT)}))
    platform.end()
    tenant = folder / "p" / "state" / "tenants" / TENANT
    latest = time.monotonic() + 20
    # The instance gives its files back when it ends.
    while (tenant / "data" / "tenant.db-shm").exists() and time.monotonic() < latest:
        time.sleep(0.05)
    return tenant


def measure(binaries, folder, tenant, sessions, events, rounds):
    data = folder / f"data-{sessions}"
    shutil.copytree(tenant / "data", data)
    fill(data / "tenant.db", sessions, events)
    archive = folder / f"{sessions}.tar.zst"
    program = binaries / "voicectl-archive"
    exports, imports = [], []
    for number in range(rounds):
        exports.append(run([program, "export", "--config", tenant / "config.json", "--data", data,
                            "--document", folder / "document.json", "--secrets",
                            tenant / "secrets.json", "--keys", tenant / "keys.json", "--file", archive]))
        stage = folder / f"import-{sessions}-{number}"
        imports.append(run([program, "import", "--file", archive, "--stage", stage]))
        shutil.rmtree(stage)
    rows = sessions * 3 + events
    size = sum(file.stat().st_size for file in data.iterdir())
    print(f"{sessions:,} sessions, {events:,} events: {size / 2**20:.1f} MiB of files, "
          f"{archive.stat().st_size / 2**20:.1f} MiB of archive")
    for what, figures in (("export", exports), ("import", imports)):
        seconds = statistics.median(figure[0] for figure in figures)
        memory = max(figure[1] for figure in figures)
        print(f"  {what}  {seconds:6.2f} s  {rows / seconds:12,.0f} rows/s  {memory:6.1f} MiB at most")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    binaries = options.binaries.resolve()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vcb-", dir="/tmp")))
        tenant = make_tenant(binaries, folder, stack)
        for part in (10, 1):
            measure(binaries, folder, tenant, options.sessions // part, options.events // part,
                    options.rounds)


if __name__ == "__main__":
    main()
