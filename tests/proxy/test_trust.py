"""proxy/trust.py: a trusted proxy in front says who asks; everybody else only for itself."""

import re
import socket

import pytest
from helpers import auntil
from octets import forwarded, record
from stage import Stage, echo, request

from webqx_supervisor.model.clients import ProxyProtocol, Trust
from webqx_supervisor.model.filters import Access
from webqx_supervisor.model.gateway import Balance, Limits, Policy

LOCAL = Trust(("127.0.0.1", "10.0.0.0/8"))
STRANGER = "127.0.0.2"


async def told(stage: Stage, *fields: str, source: str | None = None) -> bytes:
    """Return what the worker gets of a request with these fields, without the first two lines."""
    _, _, body = await stage.ask(request("GET", "/", *fields), source)
    return body.split(b"\r\n", 2)[2].removesuffix(b"Via: 1.1 webqx-sv\r\n\r\n")


async def hosts(stage: Stage, trust: Trust = LOCAL) -> None:
    stage.trust = trust
    await stage.apply(await stage.upstream(echo))


async def test_the_word_of_a_trusted_proxy_goes_to_the_worker_with_its_own_address(stage: Stage):
    await hosts(stage)
    got = await told(
        stage,
        "X-Forwarded-For: 198.51.100.1, 203.0.113.7",
        "X-Forwarded-For: 10.1.1.1",
        "X-Forwarded-Proto: https",
        "x-forwarded-host: shop.example.org",
        "X-Forwarded-Port: 443",
        "X-Forwarded-Server: inside",
        "X-Real-IP: 1.1.1.1",
    )
    assert got == (
        b"X-Forwarded-Host: shop.example.org\r\n"
        b"X-Forwarded-For: 198.51.100.1, 203.0.113.7, 10.1.1.1, 127.0.0.1\r\n"
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\nX-Real-IP: 203.0.113.7\r\n"
    )
    await auntil(stage.log_lines)
    assert " 203.0.113.7 GET " in stage.log_lines()[0]


async def test_nobody_else_is_believed(stage: Stage):
    await hosts(stage)
    fields = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "Forwarded: for=1.1.1.1")
    got = await told(stage, *fields, source=STRANGER)
    assert got == (
        b"X-Forwarded-Host: example.org\r\n"
        b"X-Forwarded-For: 127.0.0.2\r\nX-Forwarded-Proto: http\r\nX-Real-IP: 127.0.0.2\r\n"
    )
    assert f" {STRANGER} GET " in stage.log_lines()[0]


async def test_a_trusted_proxy_that_says_nothing_asks_for_itself(stage: Stage):
    stage.trust = LOCAL
    worker = await record(stage)
    await stage.ask(request())
    assert worker.requests == [forwarded("GET / HTTP/1.1")]


@pytest.mark.parametrize(
    "field",
    ["X-Forwarded-For: unknown", "X-Forwarded-For: 203.0.113.7, nonsense", "X-Forwarded-For:"],
)
async def test_what_is_malformed_leaves_the_proxy_as_the_client(stage: Stage, field: str):
    await hosts(stage)
    assert b"X-Real-IP: 127.0.0.1\r\n" in await told(stage, field)


async def test_the_list_decides_by_whom_the_proxy_names(stage: Stage):
    stage.filter(access=Access(deny=("203.0.113.0/24",)))
    await hosts(stage)
    for address, status in (("203.0.113.7", 403), ("[2001:db8::7]:5", 200)):
        asked = request("GET", "/", f"X-Forwarded-For: {address}")
        assert (await stage.ask(asked))[0] == status
    assert " 203.0.113.7 GET " in stage.log_lines()[0]
    assert " 2001:db8::7 GET " in stage.log_lines()[1]


async def test_a_hash_goes_by_whom_the_proxy_names(stage: Stage):
    async def named(peer):
        while True:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    stage.trust = LOCAL
    stage.balance = Balance(Policy.HASH)
    await stage.apply(await stage.upstream(named, "1"), await stage.upstream(named, "2"))
    for number in range(40):
        for _ in range(2):
            await stage.ask(request("GET", "/", f"X-Forwarded-For: 203.0.113.{number}"))
    led = [re.search(r" (203\S+) GET .*(api:\d)@", line) for line in stage.log_lines()]
    pairs = {(match[1], match[2]) for match in led if match}
    assert len(pairs) == 40
    assert {worker for _, worker in pairs} == {"api:1", "api:2"}


async def test_a_field_of_one_address_may_name_the_client(stage: Stage):
    await hosts(stage, Trust(("127.0.0.1",), "CF-Connecting-IP"))
    got = await told(
        stage, "CF-Connecting-IP: 2001:db8::7", "X-Forwarded-For: 1.1.1.1, 2001:db8::7"
    )
    assert b"X-Forwarded-For: 1.1.1.1, 2001:db8::7, 127.0.0.1\r\n" in got
    assert b"CF-Connecting-IP: 2001:db8::7\r\nX-Real-IP: 2001:db8::7\r\n" in got
    assert b"CF-" not in await told(stage, "CF-Connecting-IP: 2001:db8::7", source=STRANGER)


async def test_a_field_of_another_name_reaches_the_worker_from_the_proxy_only(stage: Stage):
    await hosts(stage, Trust(("127.0.0.1",), "X-Our-Client"))
    got = await told(stage, "X-Our-Client: 203.0.113.7")
    assert got.count(b"X-Our-Client: 203.0.113.7\r\n") == 1
    assert b"X-Real-IP: 203.0.113.7\r\n" in got
    assert b"Our-Client" not in await told(stage, "X-Our-Client: 1.1.1.1", source=STRANGER)


async def test_forwarded_may_name_the_client_and_then_the_others_count_for_nothing(stage: Stage):
    await hosts(stage, Trust(("127.0.0.1",), "Forwarded"))
    said = 'for=1.1.1.1, for="[2001:db8::7]";proto=https;host=shop.example.org'
    got = await told(stage, f"Forwarded: {said}", "X-Forwarded-For: 1.1.1.1")
    assert got == (
        b"X-Forwarded-Host: shop.example.org\r\n"
        b"X-Forwarded-For: 2001:db8::7\r\nX-Forwarded-Proto: https\r\n"
        b"Forwarded: " + said.encode() + b"\r\nX-Real-IP: 2001:db8::7\r\n"
    )


async def test_a_forwarded_that_the_proxy_does_not_write_goes_nowhere(stage: Stage):
    await hosts(stage)
    got = await told(stage, "X-Forwarded-For: 203.0.113.7", "Forwarded: for=1.1.1.1")
    assert b"1.1.1.1" not in got


async def test_a_new_table_holds_for_connections_that_are_open(stage: Stage):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    client = await stage.connect()
    for trust, address in ((Trust(), "127.0.0.1"), (LOCAL, "203.0.113.7"), (Trust(), "127.0.0.1")):
        stage.trust = trust
        await stage.apply(worker)
        await client.send(request("GET", "/", "X-Forwarded-For: 203.0.113.7"))
        _, _, body = await client.answer()
        assert f"X-Real-IP: {address}\r\n".encode() in body


async def test_connections_are_counted_by_the_proxy_that_opens_them(stage: Stage):
    stage.limits = Limits(max_connections_per_client=1)
    await hosts(stage)
    first = await stage.connect()
    await first.send(request("GET", "/", "X-Forwarded-For: 203.0.113.7"))
    assert (await first.answer())[0] == 200
    assert (await (await stage.connect()).answer())[0] == 429


async def test_where_the_proxy_protocol_is_required_nobody_else_may_connect(stage: Stage):
    await hosts(stage, Trust(("127.0.0.1",), proxy_protocol=ProxyProtocol.REQUIRED))
    assert (await (await stage.connect(STRANGER)).answer())[0] == 403
    await auntil(stage.log_lines)
    assert "only trusted proxies may connect here" in stage.log_lines()[0]


def test_loopback_has_more_than_one_address():
    with socket.socket() as probe:  # what the strangers of this file need
        probe.bind((STRANGER, 0))
