"""What it costs to write down who asked: the audit log, spans, and formats of the access log."""

from collections.abc import Callable

from benches import cpu, peers, upstreams
from benches.loads import Wrk
from benches.peers import OURS, Peer
from benches.rounds import Sample, compare, in_turn
from benches.upstreams import Doors
from otlp import receiving
from project import Project

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
SHARES = ("100%", "10%")


def audit() -> None:
    """Ask of routes with and without a record of each request."""
    title = "A record for each request, beside none"
    _compare(dict(ROUTES), 'access_log = "default"', title, _daemon)


def formats() -> None:
    """Ask while the access log is written in each format, and of a route without."""
    for name in FORMATS:
        sides = {"bare": ROUTES["bare"], "no access log": ROUTES["no access log"]}
        title = f"The access log as {name}, beside none"
        _compare(sides, f'access_log = "{name}"', title, _daemon)


def tracing() -> None:
    """Ask of routes with and without spans, of all requests and of a tenth."""
    with receiving() as receiver:
        for share in SHARES:
            sides = {"bare": "trace = false", "spans": ""}
            keys = f'tracing = {{ endpoint = "{receiver.url}", sample = "{share}" }}'
            _compare(sides, keys, f"Spans of {share} of the requests, beside none", _exporter)


def _daemon(project: Project) -> int:
    pid: int = project.status()["daemon"]["pid"]
    return pid


def _exporter(project: Project) -> int:
    return next(
        each.pid for each in project.processes() if "webqx_supervisor.exporter" in each.cmdline()
    )


def _compare(
    routes: dict[str, str], keys: str, title: str, beside: Callable[[Project], int]
) -> None:
    """Compare the routes under these keys of the daemon; another process has work of it as well."""
    with peers.folder() as project:
        _, behind = upstreams.host(project)
        more, ports = "", {}
        for at, (name, said) in enumerate(routes.items()):
            ports[name] = project.listen + 11 + at
            more += REMOTE.format(
                name=f"side{at}", web=behind.web[0], more=behind.web[1], port=ports[name], keys=said
            )
        text = f"{project.file.read_text()}{more}"
        text = text.replace("[daemon]\n", f"[daemon]\n{keys}\n", 1)
        if keys not in text:
            text = f"[daemon]\n{keys}\n{text}"
        project.write(text).cli("apply")
        load, pids = Wrk("signed", token="x"), peers.proxies(project)
        other = beside(project)
        sides = [
            Peer(OURS if name == "bare" else name, Doors(p), pids) for name, p in ports.items()
        ]

        def measure(side: Peer) -> Sample:
            before, kept = cpu.seconds(side.pids), cpu.seconds([other])
            done = load.ask(side.doors.web)
            used, keeping = cpu.seconds(side.pids) - before, cpu.seconds([other]) - kept
            each = 1e6 / done.requests
            return Sample(used * each, keeping * each, done.failed)

        columns = ("CPU µs/request", f"{beside.__name__[1:]} µs/request")
        compare(title, columns, in_turn(sides, measure))


TABLES = (audit, formats, tracing)
