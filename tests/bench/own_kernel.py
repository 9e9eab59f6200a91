#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program on a kernel of its own: user-mode Linux, an ordinary process of this machine.

Root in there may let a process open as many files as it takes, whatever limit this machine sets. Time in there is
not this machine's: one processor, and system calls that cost many times as much. Compare only with what ran in there
too.

Its root is this machine's, to be read; /mnt is a disk of its own, and what is temporary goes there.
"""
import ctypes
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

KERNEL = "linux.uml"
MEMORY_GIB = 12
DISK_GIB = 16
# Nobody waits for ever for a kernel that stands still.
LIMIT_S = 3 * 3600
POWER_OFF = 0x4321FEDC  # reboot(2)


def run(argv, descriptors):
    """Runs it there, as root, with that many descriptors for each process. Returns what it ended with."""
    if shutil.which(KERNEL) is None:
        raise SystemExit(f"cannot start a kernel: '{KERNEL}' is missing (Debian: user-mode-linux)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="vck-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        disk = folder / "disk"
        with disk.open("wb") as file:
            file.truncate(DISK_GIB << 30)
        subprocess.run(["/sbin/mkfs.ext4", "-q", "-F", disk], check=True)
        (folder / "argv").write_text("\0".join(str(word) for word in argv))
        (folder / "cwd").write_text(os.getcwd())
        (folder / "descriptors").write_text(str(descriptors))
        kernel = subprocess.Popen(
            [KERNEL, f"mem={MEMORY_GIB}G", f"ubd0={disk}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
             "quiet", "con=null", "con0=null,fd:1", f"init={os.path.realpath(sys.executable)}", "--",
             os.path.realpath(__file__), str(folder)],
            stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True)
        try:
            kernel.wait(LIMIT_S)
        finally:
            if kernel.poll() is None:
                os.killpg(kernel.pid, 9)
                kernel.wait()
        code = folder / "code"
        return int(code.read_text()) if code.exists() else 1


def mount(kind, place, *more):
    subprocess.run(["mount", "-t", kind, *more, kind if kind != "ext4" else "/dev/ubda", place], check=True)


def be_the_first_process(folder):
    """What a machine does when it starts, then the program, then off."""
    os.environ.update({"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                       "LANG": "C.UTF-8", "TMPDIR": "/mnt"})
    mount("proc", "/proc")
    mount("sysfs", "/sys")
    mount("tmpfs", "/run")
    os.makedirs("/dev/shm", exist_ok=True)
    mount("tmpfs", "/dev/shm")
    mount("ext4", "/mnt", "-o", "noatime")
    os.chmod("/mnt", 0o1777)
    os.makedirs("/run/told")
    mount("hostfs", "/run/told", "-o", folder)
    told = pathlib.Path("/run/told")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    descriptors = int((told / "descriptors").read_text())
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    program = subprocess.Popen((told / "argv").read_text().split("\0"), cwd=(told / "cwd").read_text())
    while True:  # whoever has lost his parent is this process's child
        pid, status = os.wait()
        if pid == program.pid:
            break
    (told / "code").write_text(str(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    try:
        be_the_first_process(sys.argv[1])
    finally:
        os.sync()
        ctypes.CDLL(None).reboot(POWER_OFF)
