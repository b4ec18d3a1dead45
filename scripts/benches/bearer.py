"""What a bearer token costs a request: `python scripts/benches/bearer.py` prints µs of one core."""

import sys
import timeit
from pathlib import Path
from time import process_time
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests"))

import tokens

from webqx_supervisor.core.wire.parser import parse_request
from webqx_supervisor.model.auth import Auth, Jwt
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.filters.auth import auth_filters
from webqx_supervisor.proxy.keyring import Keyring

FIELDS = "Host: a.example\r\nUser-Agent: wrk\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n" + "".join(
    f"X-Field-{number}: some value of usual length\r\n" for number in range(5)
)


def main() -> None:
    """Measure the algorithms in use, remembered and not."""
    for algorithm in ("HS256", "RS256", "PS256", "ES256", "EdDSA"):
        shared = algorithm.startswith("HS")
        source = tokens.SHARED if shared else tokens.KEY_SET
        text = tokens.SECRET if shared else tokens.jwks(tokens.jwk(algorithm, "k"))
        keyring = Keyring(Reactor(), lambda _: None)
        keyring.apply([tokens.held(source, text)])
        policy = Jwt(keys=(source,), headers=(("X-User", "sub"),), scopes=("read",))
        strip, check = auth_filters(Auth(jwt=policy, reserved=("X-User",)))
        token = tokens.token(algorithm, "" if shared else "k", scope="read write", name="Ada " * 20)
        octets = f"GET / HTTP/1.1\r\n{FIELDS}Authorization: Bearer {token}\r\n\r\n".encode()
        head = parse_request(octets)
        kept = head.kept
        exchange = SimpleNamespace(gateway=SimpleNamespace(keyring=keyring), head=head, claims=None)

        def ask() -> None:
            head.kept = kept  # noqa: B023 - called within the round
            strip(exchange)  # noqa: B023
            check(exchange)  # noqa: B023

        def anew() -> None:
            keyring.version = object()  # noqa: B023
            ask()

        ask()
        remembered = min(timeit.repeat(ask, number=100, repeat=3000, timer=process_time)) / 100
        verified = min(timeit.repeat(anew, number=10, repeat=300, timer=process_time)) / 10
        print(
            f"{algorithm:6} token of {len(token)} octets: {remembered * 1e6:.2f} remembered, "
            f"{verified * 1e6:.0f} verified"
        )


if __name__ == "__main__":
    main()
