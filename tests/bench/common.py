# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks have in common."""
import socket
import sys


def say(text):
    """Progress: figures alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


def free_port():
    """One of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
