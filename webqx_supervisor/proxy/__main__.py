"""Started by the daemon, never by hand: `python -m webqx_supervisor.proxy LINK_FD LOG_DIR`."""

import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import trio

from webqx_supervisor.control.link import Link
from webqx_supervisor.net import descriptors
from webqx_supervisor.proxy.main import Proxy


async def _run(link: socket.socket, folder: Path) -> None:
    await Proxy(Link(link), folder, seed=os.getpid()).run()


def main() -> None:
    """Run one proxy until it is told to leave."""
    link_fd, folder = sys.argv[1:]
    logging.basicConfig(format="%(asctime)s proxy[%(process)d] %(levelname)s %(message)s")
    # A terminal sends these to everybody; when to leave is for the daemon to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    descriptors.raise_limit()
    # What lives now lives on, and what a request makes dies by itself: look for circles rarely.
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    trio.run(_run, socket.socket(fileno=int(link_fd)), Path(folder))


if __name__ == "__main__":
    main()
