import os
import secrets
import sys

import pytest
import trio

from webqx_supervisor.process import tree
from webqx_supervisor.process.spawn import Launch, start

SLEEP = "import signal; signal.pause()"

STUBBORN = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1] + ".new", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    signal.pause()
"""

# A child makes a session of its own, then a child of that, orphaned, ignores SIGTERM.
ESCAPE = f"""
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    middle = os.getpid()
    if os.fork() == 0:
        while os.getppid() == middle:  # nothing is seen of it before it is an orphan
            time.sleep(0.001)
        exec({STUBBORN!r})
    os._exit(0)
os.wait()
signal.pause()
"""

# A child with an empty environment, in the worker's session.
CLEAN_ENVIRONMENT = f"""
import os, signal, sys
if os.fork() == 0:
    os.execve(sys.executable, ["python", "-I", "-S", "-c", {STUBBORN!r}, sys.argv[1]], {{}})
signal.pause()
"""

# An own session and an empty environment: only its parent shows whose it is.
CLEAN_AND_APART = f"""
import os, signal, sys
if os.fork() == 0:
    os.setsid()
    os.execve(sys.executable, ["python", "-I", "-S", "-c", {STUBBORN!r}, sys.argv[1]], {{}})
signal.pause()
"""

# Ends at SIGTERM, but only after it has started one more, which ignores it.
FORK_AT_STOP = f"""
import os, signal, sys
def leave(*_):
    if os.fork() == 0:
        exec({STUBBORN!r})
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
open(sys.argv[1] + ".up", "w").close()
while True:
    signal.pause()
"""


class Starter:
    """Starts Python programs as workers, and leaves nothing of them behind.

    Those named here write the pid of their last descendant to the file they are given.
    """

    SLEEP = SLEEP
    STUBBORN = STUBBORN
    ESCAPE = ESCAPE
    CLEAN_ENVIRONMENT = CLEAN_ENVIRONMENT
    CLEAN_AND_APART = CLEAN_AND_APART
    FORK_AT_STOP = FORK_AT_STOP

    def __init__(self, folder):
        self.folder = folder
        self._started = []

    async def __call__(self, program, *arguments, cookie=None, stdout=None, stderr=None):
        """Start `program` with a cookie of its own unless one is given."""
        cookie = cookie or secrets.token_hex(8)
        with open(os.devnull, "wb") as nowhere:  # noqa: ASYNC230, PTH123 - never blocks
            child = await start(
                Launch(
                    command=(sys.executable, "-I", "-S", "-c", program, *map(str, arguments)),
                    cwd=str(self.folder),
                    env={"PATH": os.environ["PATH"], tree.COOKIE_VARIABLE: cookie},
                    stdout=nowhere.fileno() if stdout is None else stdout,
                    stderr=nowhere.fileno() if stderr is None else stderr,
                )
            )
        self._started.append((child, cookie))
        child.cookie = cookie
        return child

    async def clean(self):
        for child, cookie in self._started:
            child.send_signal(9)
            await tree.kill_leftovers(child.identity, cookie)
            await child.wait()


@pytest.fixture
async def worker(tmp_path):
    starter = Starter(tmp_path)
    yield starter
    with trio.CancelScope(shield=True):
        await starter.clean()
