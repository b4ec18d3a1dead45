"""proxy/filters/basic.py, api_keys.py, forward_auth.py, auth.py: who may ask, in other words."""

import threading
from base64 import b64encode
from hashlib import sha256

import bcrypt
import pytest
import tokens
import trio
from helpers import auntil
from stage import Stage, echo, ok, request
from tokens import held, token

from webqx_supervisor.model.auth import (
    ApiKeys,
    Auth,
    BasicAuth,
    ForwardAuth,
    Jwt,
    Source,
    SourceKind,
)
from webqx_supervisor.model.filters import Edits
from webqx_supervisor.model.gateway import UpstreamGroup
from webqx_supervisor.model.link import BreakerMoved
from webqx_supervisor.model.resilience import Breaker, BreakerState
from webqx_supervisor.proxy import aside
from webqx_supervisor.proxy.filters.basic import BasicFilter

PASSWORDS = Source(SourceKind.PASSWORDS, "file:/htpasswd")
KEYS = Source(SourceKind.API_KEYS, "file:/keys")
ADA = f"ada:{bcrypt.hashpw(b'open: sesame', bcrypt.gensalt(4)).decode()}"
SHOP = f"shop:{sha256(b'a long random key').hexdigest()}"


def basic(name, password, *fields):
    word = b64encode(f"{name}:{password}".encode()).decode()
    return request("GET", "/", f"Authorization: Basic {word}", *fields)


def ways(stage):
    return stage.proxy.gateway._ways.values()


def is_basic(ask):
    return isinstance(getattr(ask, "__self__", None), BasicFilter)


async def guards(stage: Stage, *credentials, **auth):
    stage.filter(auth=Auth(**({"reserved": ("X-User",)} | auth)))
    stage.credentials = credentials
    await stage.apply(await stage.upstream(echo))


async def test_a_password_lets_pass_and_names_its_user(stage: Stage):
    await guards(stage, held(PASSWORDS, ADA), basic=BasicAuth(PASSWORDS, realm="clinic"))
    status, fields, _ = await stage.ask(request())
    assert (status, fields["www-authenticate"]) == (401, 'basic realm="clinic", charset="utf-8"')
    for _ in range(2):  # found out, then remembered
        status, _, body = await stage.ask(basic("ada", "open: sesame", "X-User: root"))
        assert status == 200
        assert b"X-User: ada\r\n" in body
        assert b"root" not in body
        assert (await stage.ask(basic("ada", "open")))[0] == 401


@pytest.mark.parametrize(
    "credentials",
    [
        "Basic YWRh",
        "Basic ?",
        "Basic",
        f"Basic {b64encode(b'ada:' + b'x' * 100).decode()}",
        f"Basic {b64encode(b'ada:' + bytes(3)).decode()}",
        f"Basic {b64encode(bytes([255, 58, 255])).decode()}",
        f"Basic {b64encode(b':open: sesame').decode()}",
        f"Basic {b64encode(b'bob:open: sesame').decode()}",
        "Bearer x",
    ],
)
async def test_what_is_no_password_of_anybody_is_refused(stage: Stage, credentials):
    await guards(stage, held(PASSWORDS, ADA), basic=BasicAuth(PASSWORDS))
    assert (await stage.ask(request("GET", "/", f"Authorization: {credentials}")))[0] == 401


async def test_a_password_is_hashed_once_for_all_who_send_it_at_a_time(stage: Stage, monkeypatch):
    asked, may_go = [], threading.Event()

    def slow(password, hashed):
        asked.append(password)
        may_go.wait(20)
        return True

    monkeypatch.setattr(bcrypt, "checkpw", slow)
    await guards(stage, held(PASSWORDS, ADA), basic=BasicAuth(PASSWORDS))
    clients = [await stage.connect() for _ in range(5)]
    for client in clients:
        await client.send(basic("ada", "open: sesame"))
    # Meanwhile the others are served: the reactor waits for no hash.
    assert (await stage.ask(request()))[0] == 401
    may_go.set()
    for client in clients:
        assert (await client.answer())[0] == 200
    assert asked == [b"open: sesame"]


async def test_a_flood_of_passwords_is_put_off(stage: Stage, monkeypatch):
    may_go = threading.Event()
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: may_go.wait(20))
    await guards(stage, held(PASSWORDS, ADA), basic=BasicAuth(PASSWORDS))
    clients = [await stage.connect() for _ in range(aside.MOST_WAITING + aside.THREADS + 5)]
    answered = []

    async def ask(number, client):
        await client.send(basic("ada", f"guess {number}"))
        status, fields, _ = await client.answer()
        answered.append(status)
        if status == 503:
            assert "retry-after" in fields
            may_go.set()

    async with trio.open_nursery() as nursery:
        for number, client in enumerate(clients):
            nursery.start_soon(ask, number, client)
    assert answered.count(503) >= 1
    assert answered.count(200) >= aside.MOST_WAITING


async def test_a_changed_file_counts_at_once(stage: Stage):
    await guards(stage, held(PASSWORDS, ADA), basic=BasicAuth(PASSWORDS))
    assert (await stage.ask(basic("ada", "open: sesame")))[0] == 200
    stage.credentials = (held(PASSWORDS, ADA.replace("ada", "eve")),)
    await stage.apply(await stage.upstream(echo))
    assert (await stage.ask(basic("ada", "open: sesame")))[0] == 401
    stage.credentials = (held(PASSWORDS, "", "htpasswd cannot be read: Permission denied"),)
    await stage.apply(await stage.upstream(echo))
    status, _, body = await stage.ask(basic("ada", "open: sesame"))
    assert status == 503
    assert b"htpasswd cannot be read: Permission denied" in body


async def test_an_api_key_lets_pass_and_names_whose_it_is(stage: Stage):
    await guards(stage, held(KEYS, SHOP), api_keys=ApiKeys(KEYS))
    status, fields, _ = await stage.ask(request())
    assert (status, fields["www-authenticate"]) == (401, 'apikey realm="api", header="x-api-key"')
    status, _, body = await stage.ask(request("GET", "/", "x-api-KEY:  a long random key "))
    assert (status, b"X-User: shop\r\n" in body) == (200, True)
    assert (await stage.ask(request("GET", "/", "X-API-Key: another")))[0] == 401
    assert (await stage.ask(request("GET", "/", "X-API-Key:")))[0] == 401
    twice = request("GET", "/", "X-API-Key: a long random key", "X-API-Key: x")
    assert (await stage.ask(twice))[0] == 400


async def test_any_of_several_ways_is_enough(stage: Stage):
    await guards(
        stage,
        held(PASSWORDS, ADA),
        held(KEYS, SHOP),
        held(tokens.SHARED, tokens.SECRET),
        basic=BasicAuth(PASSWORDS),
        api_keys=ApiKeys(KEYS),
        jwt=Jwt(keys=(tokens.SHARED,)),
    )
    client = await stage.connect()
    await client.send(request())
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 401")
    assert head.count(b"WWW-Authenticate") == 3
    wrong, right = "X-API-Key: another", "X-API-Key: a long random key"
    bearer = f"Authorization: Bearer {token()}"
    assert (await stage.ask(basic("ada", "open: sesame")))[0] == 200
    assert (await stage.ask(request("GET", "/", right)))[0] == 200
    assert (await stage.ask(request("GET", "/", bearer)))[0] == 200
    assert (await stage.ask(request("GET", "/", bearer, wrong)))[0] == 200
    assert (await stage.ask(request("GET", "/", "Authorization: Bearer x", right)))[0] == 200
    assert (await stage.ask(basic("ada", "open: sesame", wrong)))[0] == 200
    assert (await stage.ask(basic("ada", "wrong", wrong)))[0] == 401
    assert (await stage.ask(request("GET", "/", "Authorization: Bearer x", wrong)))[0] == 401


# Another service is asked.


def judge(answer):
    """Return a service that answers so, and what it was asked."""
    asked = []

    async def script(peer):
        while True:
            asked.append(await peer.head())
            await peer.send(answer)

    return script, asked


async def asks(stage: Stage, script, **policy):
    worker = await stage.upstream(echo)
    service = await stage.upstream(script, "2")
    stage.other_groups = (UpstreamGroup("auth", (service.model,)),)
    headers = policy.pop("headers", ("X-User",))
    forward = ForwardAuth("auth", "/verify?x=1", headers)
    stage.filter(auth=Auth(forward=forward, reserved=headers), **policy)
    await stage.apply(worker)


async def test_a_service_that_consents_lets_pass_and_adds_what_it_knows(stage: Stage):
    script, asked = judge(ok(b"yes", "x-user: ada", "X-Secret: 1"))
    await asks(stage, script, headers=("X-User", "X-Other"), request_headers=Edits())
    client = await stage.connect()
    for _ in range(3):
        await client.send(
            request(
                "POST",
                "/a?b=c",
                "Cookie: session=1",
                "X-User: root",
                "X-Other: root",
                "X-Forwarded-Uri: /forged",
                "If-None-Match: *",
                "Content-Type: text/plain",
                body=b"12345",
            )
        )
        status, _, body = await client.answer()
        assert status == 200
        assert body.startswith(b"POST /a?b=c ")
        assert body.endswith(b"12345")
        assert b"X-User: ada\r\n" in body
        assert b"root" not in body
        assert b"X-Secret" not in body
    assert len(asked) == 3
    for head in asked:
        assert head.startswith(b"GET /verify?x=1 HTTP/1.1\r\nHost: example.org\r\n")
        assert b"X-Forwarded-Method: POST\r\n" in head
        assert b"X-Forwarded-Uri: /a?b=c\r\n" in head
        assert b"X-Forwarded-Host: example.org\r\n" in head
        assert b"X-Forwarded-For: 127.0.0.1\r\n" in head
        assert b"Cookie: session=1\r\n" in head
        assert b"forged" not in head
        assert b"If-None" not in head
        assert b"Content-" not in head


async def test_a_service_that_does_not_consent_answers_itself(stage: Stage):
    script, _ = judge(
        b"HTTP/1.1 302 Found\r\nLocation: /login\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"X-Inner: 1\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nlogin"
    )
    await asks(stage, script)
    client = await stage.connect()
    for _ in range(2):
        await client.send(request())
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 302 ")
        assert b"Location: /login\r\n" in head
        assert b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n" in head
        assert b"Content-Type: text/html\r\n" in head
        assert b"Cache-Control: no-store\r\n" in head
        assert b"X-Inner" not in head
        assert await client.exactly(5) == b"login"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 401),
        (b"HTTP/1.1 403 No\r\nConnection: close\r\n\r\nabc", 403),
        (b"HTTP/1.1 403 No\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000, 403),
        (b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n" + b"x" * 70000, 403),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Fine\r\n\r\n", 200),
        (b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200),
        (b"HTTP/1.1 200 Fine\r\nContent-Length: 100000\r\n\r\n", 200),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 500),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20, 502),
        (b"nonsense\r\n\r\n", 502),
        (b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 502),
        (b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 502),
        (b"", 502),
    ],
)
async def test_whatever_a_service_answers_nobody_passes_but_by_its_consent(
    stage: Stage, answer, status
):
    async def script(peer):
        await peer.head()
        await peer.send(answer)

    await asks(stage, script)
    assert (await stage.ask(request()))[0] == status


async def test_a_service_whose_worker_dies_is_asked_again_at_another(stage: Stage):
    async def dies(peer):
        await peer.head()

    script, asked = judge(ok())
    worker, first = await stage.upstream(echo), await stage.upstream(dies, "2")
    second = await stage.upstream(script, "3")
    stage.other_groups = (UpstreamGroup("auth", (first.model, second.model)),)
    stage.filter(auth=Auth(forward=ForwardAuth("auth")))
    await stage.apply(worker)
    for _ in range(4):
        assert (await stage.ask(request()))[0] == 200
    assert len(asked) == 4
    second.kill()
    first.kill()
    stage.other_groups = (UpstreamGroup("auth", (), expecting=False, reason="auth is stopped"),)
    await stage.apply(worker)
    status, _, body = await stage.ask(request())
    assert (status, b"auth is stopped" in body) == (503, True)


async def test_what_a_service_is_asked_counts_for_its_breaker(stage: Stage):
    health = {"status": b"500 No"}

    async def moody(peer):
        while True:
            await peer.head()
            await peer.send(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % health["status"])

    worker, judge = await stage.upstream(echo), await stage.upstream(moody, "2")
    breaker = Breaker(minimum=2, open_for=0.1, trial=1, slow_after=0.0)
    stage.other_groups = (UpstreamGroup("auth", (judge.model,), breaker=breaker),)
    stage.filter(auth=Auth(forward=ForwardAuth("auth")))
    await stage.apply(worker)
    for state in (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.OPEN):
        with trio.fail_after(20):
            while [each.state for each in await stage.hears_of(BreakerMoved, 0)][-1:] != [state]:
                await stage.ask(request())
    health["status"] = b"200 OK"
    with trio.fail_after(20):
        while (await stage.hears_of(BreakerMoved))[-1].state is not BreakerState.CLOSED:
            await stage.ask(request())
    assert (await stage.ask(request()))[0] == 200


async def test_who_goes_away_leaves_no_password_behind(stage: Stage, monkeypatch):
    begun, may_go = threading.Event(), threading.Event()

    def slow(password, hashed):
        begun.set()
        return may_go.wait(20)

    monkeypatch.setattr(bcrypt, "checkpw", slow)
    await guards(stage, held(PASSWORDS, ADA), basic=BasicAuth(PASSWORDS))
    client = await stage.connect()
    await client.send(basic("ada", "open: sesame"))
    await trio.to_thread.run_sync(begun.wait, 20)
    (checking,) = [ask.__self__ for way in ways(stage) for ask in way.filters if is_basic(ask)]
    assert len(checking._running) == 1
    await client.reset()
    await auntil(lambda: not checking._running)
    may_go.set()


async def test_a_service_is_asked_beside_the_token_not_instead(stage: Stage):
    script, asked = judge(ok())
    await asks(stage, script)
    stage.credentials = (held(tokens.SHARED, tokens.SECRET),)
    auth = Auth(
        jwt=Jwt(keys=(tokens.SHARED,), headers=(("X-User", "sub"),)), forward=ForwardAuth("auth")
    )
    stage.filter(auth=auth)
    await stage.apply(await stage.upstream(echo))
    assert (await stage.ask(request()))[0] == 401
    assert asked == []
    assert (await stage.ask(request("GET", "/", f"Authorization: Bearer {token()}")))[0] == 200
    assert b"X-User: ada\r\n" in asked[0]
