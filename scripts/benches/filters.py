"""The table of what a route's filters cost, beside a route without any, at the same proxy."""

import base64
import hashlib
import hmac
import json
import time

from benches import cpu, peers, upstreams
from benches.loads import Wrk
from benches.peers import OURS, Peer
from benches.rounds import Sample, compare, in_turn
from benches.upstreams import Doors

SECRET = "a secret of the bench that is long enough for HS256"
ORIGIN = "https://me.github.io"

FILTERED = """
[services.filtered]
remote = ["http://127.0.0.1:{web}", "http://127.0.0.1:{more}"]
listen = {{ bind = {filtered}, idle_timeout = "1h" }}
cors = {{ origins = ["{origin}"], credentials = true }}
limits = ["1000000/s", {{ rate = "90000000/15m", by = "header:User-Agent" }}]
jwt = {{ secret = "file:secret.txt", headers = {{ X-User = "sub" }} }}
breaker = true
retry = ["timeout", 502, 503]

[services.bare]
remote = ["http://127.0.0.1:{web}", "http://127.0.0.1:{more}"]
listen = {{ bind = {bare}, idle_timeout = "1h" }}
"""


def filters() -> None:
    """Ask with a token from another origin, of a route with filters and of one without."""
    with peers.folder() as project:
        _, behind = upstreams.host(project)
        (project.folder / "secret.txt").write_text(SECRET)
        bare = project.listen + 12
        more = FILTERED.format(
            web=behind.web[0], more=behind.web[1], bare=bare, filtered=bare + 1, origin=ORIGIN
        )
        project.write(project.file.read_text() + more).cli("apply")
        load = Wrk("signed", token=token())
        pids = peers.proxies(project)
        sides = (Peer(OURS, Doors(bare + 1), pids), Peer("no filters", Doors(bare), pids))

        def measure(side: Peer) -> Sample:
            before = cpu.seconds(side.pids)
            done = load.ask(side.doors.web)
            used = cpu.seconds(side.pids) - before
            return Sample(1e6 * used / done.requests, done.requests / done.seconds, done.failed)

        title = "CORS, two limits, a remembered JWT, a breaker and retries, beside nothing of it"
        compare(title, ("CPU µs/request", "requests/s"), in_turn(sides, measure))


def token() -> str:
    """Return a token that the route lets pass for an hour."""
    claims = {"sub": "ada@example.com", "exp": int(time.time()) + 3600}
    parts = [_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims)]
    signature = hmac.digest(SECRET.encode(), ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, _encoded(signature)])


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


TABLES = (filters,)
