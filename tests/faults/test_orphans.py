"""Nodes of a process that was killed do not live for ever."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.kafka.nodes import PREFIX, clear_orphans
from tests.kafka import own_nodes
from tests.sandboxes import ROOT

PROGRAM = """
from deploy.kafka.nodes import Nodes, kit
nodes = Nodes(kit())
nodes.start()
print(nodes.folder, nodes._running[0].pid, flush=True)
nodes.wait()
"""


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return b"kafka.Kafka" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_whoever_starts_next_ends_the_nodes_of_a_process_that_was_killed() -> None:
    own_nodes().close()  # the kit is there, or this test cannot be done
    owner = subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    folder, pid = owner.stdout.readline().split()
    assert PREFIX in folder
    clear_orphans()
    assert lives(int(pid)), "its owner lives"
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert lives(int(pid))
    clear_orphans()
    deadline = time.monotonic() + 20
    while lives(int(pid)):
        if time.monotonic() > deadline:
            pytest.fail("it goes on")
        time.sleep(0.05)
    assert not Path(folder).exists()
