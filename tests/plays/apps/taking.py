"""What takes resources when app.py is asked for it; each returns what there is to tell."""

import os
import subprocess

KEPT = []


def eat(megabytes):
    """Take so much memory, and keep it."""
    KEPT.append(b"x" * (megabytes << 20))
    return {}


def fork(number):
    """Start up to so many processes that sleep."""
    forked = 0
    for _ in range(number):
        try:
            KEPT.append(subprocess.Popen(["/bin/sleep", "600"]))
        except OSError:
            break
        forked += 1
    return {"forked": forked}


def hide(_):
    """Start a process of which nobody sees whose it is: no parent, no session, no environment."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if pid := os.fork():
            os.write(writing, str(pid).encode())
            os._exit(0)
        os.setsid()
        os.execve("/bin/sleep", ["sleep", "600"], {})
    os.wait()
    return {"hidden": int(os.read(reading, 20))}


TAKING = {"eat": eat, "fork": fork, "hide": hide}
