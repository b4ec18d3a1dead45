"""`python -m webqx_supervisor.daemon STATE_DIR`: started by the keeper or by systemd."""

import faulthandler
import logging
import signal
import sys
import time
from pathlib import Path

import trio

from webqx_supervisor.config import wanted
from webqx_supervisor.config.places import Places
from webqx_supervisor.daemon.main import Daemon
from webqx_supervisor.process.output import Output


def main() -> None:
    """Run the daemon on the state folder that the command line names."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    logging.Formatter.converter = time.gmtime
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells every probe
    faulthandler.enable()  # systemd ends a daemon that hangs by SIGABRT: then its log says where
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)  # ignored ones, as after nohup, would be inherited
    trio.run(_run, Path(sys.argv[1]))


async def _run(state_dir: Path) -> None:
    asked = wanted.read(state_dir / "wanted.json")
    places = Places.at(Path(asked.config.file), state_dir)
    places.logs.mkdir(mode=0o700, exist_ok=True)
    with Output() as output:
        await Daemon(places, asked, output).run()


main()
