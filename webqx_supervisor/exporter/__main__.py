"""Started by the daemon, never by hand: `python -m webqx_supervisor.exporter SOCKET`.

A line on standard input says where spans go (model.tracing.Tracing as JSON), its end is the end.
What becomes of them is told on standard output, a model.tracing.Told as JSON on each line.
"""

import json
import logging
import os
import signal
import sys

from webqx_supervisor.config.secretfile import NoSecret
from webqx_supervisor.exporter.intake import Intake
from webqx_supervisor.exporter.sender import Sender
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.tracing import Told, Tracing

log = logging.getLogger(__name__)


def tell(told: Told) -> None:
    """Write a line for the daemon, if there is one."""
    try:
        sys.stdout.write(f"{json.dumps(to_plain(told))}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Take spans and send them on until standard input ends."""
    (path,) = sys.argv[1:]
    logging.basicConfig(format="%(asctime)s exporter[%(process)d] %(levelname)s %(message)s")
    # The proxies may have something to say to the very end; when that is, is for the daemon to say.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        sender = Sender(from_plain(Tracing, json.loads(sys.stdin.readline())), tell)
    except NoSecret as error:
        tell(Told(failing=str(error)))
        sys.exit(1)
    with Intake(path, sys.stdin.fileno()) as intake:
        for message in intake:
            try:
                sender.take(message)
            except (LookupError, TypeError, ValueError) as error:  # of another version, perhaps
                log.warning("not understood: %r", error)
    sender.close()


if __name__ == "__main__":
    main()
