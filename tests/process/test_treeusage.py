"""What a whole process tree uses."""

import subprocess
import sys

import helpers
import psutil

from webqx_supervisor.process import table, treeusage
from webqx_supervisor.process.identity import Identity, boot_id

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "block = b'x' * 50_000_000; input()"], stdin=0)
child.wait()
"""


def test_a_child_counts_with_its_parent_and_what_is_gone_counts_nothing():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        found = table.entry(parent.pid)
        leader = Identity(parent.pid, found.start_time, boot_id())
        gone = Identity(parent.pid, found.start_time - 1, boot_id())

        def both():
            whole, nothing = treeusage.of_trees([(leader, "one"), (gone, "none")])
            assert nothing.rss_bytes == 0
            return whole if whole.rss_bytes > 50_000_000 else None

        whole = helpers.until(both)
        assert whole.rss_bytes > psutil.Process(parent.pid).memory_info().rss
        assert whole.cpu_seconds > 0
    finally:
        parent.communicate(b"\n")
