"""proxy/filters/limits.py: who asks too much gets 429, or is held; all are told how they stand."""

import os
import socket
import struct
from base64 import b64encode

import bcrypt
import pytest
import trio
from helpers import auntil
from stage import Stage, echo, ok, request
from tokens import held

from webqx_supervisor.core.ratelimit import Quota
from webqx_supervisor.model.auth import Auth, BasicAuth, Source, SourceKind
from webqx_supervisor.model.filters import Access, Cors
from webqx_supervisor.model.gateway import FixedAnswer, Route
from webqx_supervisor.model.limits import RateLimit
from webqx_supervisor.model.link import ShareRates
from webqx_supervisor.net.rates import Accounts, Rates, create

HOUR = 3600.0
OLD = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


def limit(burst=2, period=HOUR, count=1, **more):
    label = more.setdefault("label", f"{count}/h burst {burst}")
    return RateLimit(count, period, burst, account=label, **more)


async def hosts(stage: Stage, *limits, script=echo, **filters):
    stage.filter(limits=limits, **filters)
    await stage.apply(await stage.upstream(script))


async def statuses(stage: Stage, count, *fields):
    return [(await stage.ask(request("GET", "/", *fields)))[0] for _ in range(count)]


async def test_a_burst_passes_and_what_is_beyond_is_told_when_to_come_again(stage: Stage):
    await hosts(stage, limit())
    assert await statuses(stage, 2) == [200, 200]
    status, fields, body = await stage.ask(request())
    assert status == 429
    assert 3590 < int(fields["retry-after"]) <= 3600
    assert b"too many requests: the limit 1/h burst 2 lets the next one pass in" in body
    assert fields["ratelimit-remaining"] == "0"


async def test_every_answer_says_how_the_client_stands(stage: Stage):
    await hosts(stage, limit(burst=5, count=5, label="few"), limit(burst=9, count=9, label="many"))
    status, fields, _ = await stage.ask(request())
    assert status == 200
    assert fields["ratelimit-policy"] == '"few";q=5;w=3600, "many";q=9;w=3600'
    assert fields["ratelimit"] == '"few";r=4;t=720'
    assert [fields[name] for name in OLD] == ["5", "4", "720"]


async def test_what_a_worker_says_of_limits_stands_in_no_answer_twice(stage: Stage):
    async def limits_too(peer):
        while True:
            await peer.head()
            await peer.send(ok(b"x", "RateLimit-Remaining: 99", "RateLimit-Limit: 100"))

    await hosts(stage, limit(), script=limits_too)
    client = await stage.connect()
    await client.send(request())
    head = await client.head()
    assert head.count(b"RateLimit-Remaining: ") == head.count(b"RateLimit-Limit: ") == 1
    assert b"RateLimit-Remaining: 1\r\n" in head


async def test_a_page_of_another_origin_can_read_that_it_asked_too_much(stage: Stage):
    await hosts(stage, limit(burst=1), cors=Cors(origins=("https://a.com",)))
    origin = "Origin: https://a.com"
    preflight = request("OPTIONS", "/", origin, "Access-Control-Request-Method: PUT")
    assert (await stage.ask(preflight))[0] == 204  # and counts for nothing
    assert await statuses(stage, 1, origin) == [200]
    status, fields, _ = await stage.ask(request("GET", "/", origin))
    assert (status, fields["access-control-allow-origin"]) == (429, "https://a.com")


async def test_who_may_not_ask_at_all_is_not_counted(stage: Stage):
    await hosts(stage, limit(burst=1), access=Access(deny=("127.0.0.0/8",)))
    assert await statuses(stage, 3) == [403] * 3
    await hosts(stage, limit(burst=1))
    assert await statuses(stage, 2) == [200, 429]


async def test_a_connection_goes_on_after_a_refusal(stage: Stage):
    await hosts(stage, limit(burst=1))
    client = await stage.connect()
    for expected in (200, 429, 429):
        await client.send(request())
        assert (await client.answer())[0] == expected


async def test_the_exempt_are_not_counted_and_not_told_of_limits(stage: Stage):
    await hosts(stage, limit(burst=1, exempt=("127.0.0.0/8",)))
    for _ in range(3):
        status, fields, _ = await stage.ask(request())
        assert status == 200
        assert "ratelimit" not in fields
    await hosts(stage, limit(burst=1, exempt=("10.0.0.0/8",)))
    assert await statuses(stage, 2) == [200, 429]


@pytest.mark.parametrize(
    ("by", "field"),
    [("header:X-Key", "X-Key: {}"), ("cookie:session", "Cookie: a=b; session={}")],
)
async def test_clients_are_told_apart_by_what_they_send(stage: Stage, by, field):
    await hosts(stage, limit(burst=1, by=by))
    one, two = field.format("1"), field.format("2")
    assert await statuses(stage, 2, one) == [200, 429]
    assert await statuses(stage, 2, two) == [200, 429]


async def test_who_sends_nothing_is_known_by_address_and_cannot_be_played(stage: Stage):
    await hosts(stage, limit(burst=1, by="header:X-Key"))
    assert await statuses(stage, 1, "X-Key: 127.0.0.1") == [200]
    assert await statuses(stage, 2) == [200, 429]
    # Two fields are one value, whatever their order is.
    assert await statuses(stage, 2, "X-Key: a", "X-Key: b") == [200, 429]


async def test_a_very_long_key_counts_as_well(stage: Stage):
    await hosts(stage, limit(burst=1, by="header:X-Key"))
    assert await statuses(stage, 2, f"X-Key: {'k' * 4000}") == [200, 429]


PASSWORDS = Source(SourceKind.PASSWORDS, "file:/htpasswd")
WORD = "open: sesame"
HASH = bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4)).decode()


def basic(name, password=WORD):
    return f"Authorization: Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


async def test_a_claim_tells_who_asks_once_it_is_proven(stage: Stage):
    users = "\n".join(f"{name}:{HASH}" for name in ("ada", "bob", "eve"))
    stage.credentials = (held(PASSWORDS, users),)
    auth = Auth(basic=BasicAuth(PASSWORDS))
    by_user = limit(burst=1, by="claim:sub", label="user")
    await hosts(stage, limit(burst=5, label="ip"), by_user, auth=auth)
    status, fields, _ = await stage.ask(request("GET", "/", basic("ada")))
    assert status == 200
    assert [fields[name] for name in OLD] == ["1", "0", "3600"]  # the tighter one's
    assert await statuses(stage, 1, basic("ada")) == [429]
    assert await statuses(stage, 1, basic("bob")) == [200]
    # Who only says so counts as an address, and guesses are counted before they are looked at.
    assert await statuses(stage, 1, basic("eve", "guess")) == [401]
    assert await statuses(stage, 1, basic("eve")) == [200]
    _, fields, body = await stage.ask(request("GET", "/", basic("eve", "guess")))
    assert b"the limit ip lets" in body
    assert fields["ratelimit-limit"] == "5"


async def test_limits_that_are_asked_together_count_a_request_all_or_none(stage: Stage):
    key = limit(burst=1, by="header:X-Key", label="key")
    await hosts(stage, key, limit(burst=3, label="all"))
    assert await statuses(stage, 5, "X-Key: a") == [200, 429, 429, 429, 429]
    assert await statuses(stage, 1, "X-Key: b") == [200]
    assert await statuses(stage, 1, "X-Key: c") == [200]
    assert await statuses(stage, 1, "X-Key: d") == [429]


async def test_a_change_of_the_route_lets_nobody_begin_anew(stage: Stage):
    await hosts(stage, limit())
    assert await statuses(stage, 2) == [200, 200]
    await hosts(stage, limit(), access=Access(deny=("10.0.0.0/8",)))
    assert await statuses(stage, 1) == [429]
    await hosts(stage, limit(label="another"))
    assert await statuses(stage, 1) == [200]


async def test_routes_with_one_limit_share_it(stage: Stage):
    await hosts(stage, limit())
    (route,) = stage.routes
    stage.routes += (Route("web", path="/b", answer=FixedAnswer(200), filters=route.filters),)
    await stage.apply(await stage.upstream(echo))
    asked = [(await stage.ask(request("GET", path)))[0] for path in ("/a", "/b", "/a", "/b")]
    assert asked == [200, 200, 429, 429]


async def test_held_requests_come_at_the_rate_and_too_many_are_refused(stage: Stage):
    arrived = []

    async def notes(peer):
        while True:
            await peer.head()
            arrived.append(trio.current_time())
            await peer.send(ok())

    await hosts(stage, limit(count=50, period=1.0, burst=5, delay=True), script=notes)
    clients = [await stage.connect() for _ in range(8)]
    answers = []

    async def ask(client):
        await client.send(request())
        answers.append((await client.answer())[0])

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for client in clients:
            nursery.start_soon(ask, client)
    assert answers.count(200) == len(arrived)
    assert answers.count(429) >= 1
    # Never sooner than the rate allows; how much later is for the machine to say.
    for number, time in enumerate(sorted(arrived)):
        assert time - began >= number * 0.02 - 0.001


async def test_who_leaves_while_it_is_held_is_carried_no_further(stage: Stage):
    await hosts(stage, limit(count=1, period=30.0, burst=2, delay=True))
    assert await statuses(stage, 1) == [200]
    client = await stage.connect()
    await client.send(request("GET", "/held"))
    await auntil(lambda: any(each.busy for each in stage.proxy.gateway.clients))
    client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await trio.aclose_forcefully(client.stream)  # with a reset
    await auntil(lambda: any("/held 499" in line for line in stage.log_lines()))


async def test_a_table_that_all_share_counts_what_others_let_pass(stage: Stage):
    fd = create()
    await stage.link.send(ShareRates(), [fd])
    await hosts(stage, limit(burst=4))
    assert await statuses(stage, 2) == [200, 200]
    other = Rates(fd)  # another proxy, so to say
    name = stage.routes[0].filters.limits[0]
    accounts = Accounts([other.account(Quota(name), name.account.encode(), b"\0" + b"127.0.0.1")])
    assert other.take(accounts) == other.take(accounts) == 0
    assert await statuses(stage, 1) == [429]
    # Told again, by another daemon, it is the same.
    await stage.link.send(ShareRates(), [os.dup(fd)])
    await stage.apply(await stage.upstream(echo))
    assert await statuses(stage, 1) == [429]
    other.close()


async def test_a_shared_table_that_is_none_leaves_the_proxy_with_its_own(stage: Stage, tmp_path):
    with (tmp_path / "none").open("w+") as file:
        await stage.link.send(ShareRates(), [file.fileno()])
        await hosts(stage, limit(burst=1))
    assert await statuses(stage, 2) == [200, 429]


async def test_a_table_that_is_full_is_told_of_once_a_minute(stage: Stage, caplog):
    await hosts(stage, limit(burst=9))
    await statuses(stage, 1)
    for _ in range(3):
        stage.proxy.gateway.rates.crowded = True
        await statuses(stage, 1)
    assert caplog.text.count("too many clients at once") == 1
