"""What it costs to write down who asked: the audit log, and the formats of the access log."""

from benches import cpu, peers, upstreams
from benches.loads import Wrk
from benches.peers import OURS, Peer
from benches.rounds import Sample, compare, in_turn
from benches.upstreams import Doors

REMOTE = """
[services.{name}]
remote = ["http://127.0.0.1:{web}", "http://127.0.0.1:{more}"]
listen = {{ bind = {port}, idle_timeout = "1h" }}
{keys}
"""
ROUTES = {
    "bare": "",
    "audit": "audit = true",
    "audit, a path redacted": 'audit = ["/patients/*"]',
    "no access log": "access_log = false",
}
FORMATS = ("default", "combined", "json")


def audit() -> None:
    """Ask of routes with and without a record of each request."""
    _compare(dict(ROUTES), "default", "A record for each request, beside none")


def formats() -> None:
    """Ask while the access log is written in each format, and of a route without."""
    for name in FORMATS:
        sides = {"bare": ROUTES["bare"], "no access log": ROUTES["no access log"]}
        _compare(sides, name, f"The access log as {name}, beside none")


def _compare(routes: dict[str, str], log_format: str, title: str) -> None:
    with peers.folder() as project:
        _, behind = upstreams.host(project)
        more, ports = "", {}
        for at, (name, keys) in enumerate(routes.items()):
            ports[name] = project.listen + 11 + at
            more += REMOTE.format(
                name=f"side{at}", web=behind.web[0], more=behind.web[1], port=ports[name], keys=keys
            )
        text = f"{project.file.read_text()}{more}"
        log = f'access_log = "{log_format}"\n'
        text = text.replace("[daemon]\n", f"[daemon]\n{log}", 1)
        if log not in text:
            text = f"[daemon]\n{log}{text}"
        project.write(text).cli("apply")
        load, pids = Wrk("signed", token="x"), peers.proxies(project)
        daemon = project.status()["daemon"]["pid"]
        sides = [
            Peer(OURS if name == "bare" else name, Doors(p), pids) for name, p in ports.items()
        ]

        def measure(side: Peer) -> Sample:
            before, kept = cpu.seconds(side.pids), cpu.seconds([daemon])
            done = load.ask(side.doors.web)
            used, keeping = cpu.seconds(side.pids) - before, cpu.seconds([daemon]) - kept
            each = 1e6 / done.requests
            return Sample(used * each, keeping * each, done.failed)

        compare(title, ("CPU µs/request", "daemon µs/request"), in_turn(sides, measure))


TABLES = (audit, formats)
