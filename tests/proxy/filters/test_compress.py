"""proxy/filters/compress.py, proxy/encoded.py: answers are encoded for clients that take it."""

import gzip
import zlib

import brotli
import pytest
import trio
import zstandard
from octets import answering
from stage import Stage, ok, request

from webqx_supervisor.model.filters import Compress

BODY = b"<p>the same again and again</p>" * 300
HTML = "Content-Type: text/html"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
ALL = "Accept-Encoding: gzip, deflate, br, zstd"
GZIP = "Accept-Encoding: gzip"


async def hosts(stage: Stage, octets, *, close=False, **policy):
    stage.filter(compress=Compress(**policy))
    await stage.apply(await stage.upstream(answering(octets, close=close)))


def gunzip(octets):
    return gzip.decompress(octets)


def unzstd(octets):
    return zstandard.ZstdDecompressor().decompressobj().decompress(octets)


@pytest.mark.parametrize(
    ("accepts", "coding", "decode"),
    [
        (GZIP, "gzip", gunzip),
        ("Accept-Encoding: gzip, br", "br", brotli.decompress),
        (ALL, "zstd", unzstd),
    ],
)
@pytest.mark.parametrize("body", [BODY, BODY * 100], ids=["small", "large"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_client_gets_its_answer_in_a_coding_that_it_takes(
    stage: Stage, accepts, coding, decode, body, chunked
):
    octets = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else ok(body, HTML)
    await hosts(stage, octets)
    client = await stage.connect()
    for _ in range(2):  # the connection goes on
        await client.send(request("GET", "/", accepts))
        status, fields, sent = await client.answer()
        assert (status, fields["content-encoding"], fields["vary"]) == (
            200,
            coding,
            "accept-encoding",
        )
        assert decode(sent) == body
        assert len(sent) < len(body) / 10


@pytest.mark.parametrize(
    ("octets", "fields"),
    [
        (ok(b"small", HTML), (ALL,)),
        (ok(BODY, "Content-Type: image/png"), (ALL,)),
        (ok(BODY, HTML, "Content-Encoding: br"), (ALL,)),
        (ok(BODY, HTML, "Cache-Control: no-transform, max-age=1"), (ALL,)),
        (ok(BODY, HTML), ()),
        (ok(BODY, HTML), ("Accept-Encoding: identity",)),
        (ok(BODY), (ALL,)),
        (ok(BODY, HTML).replace(b"200 OK", b"206 Partial Content"), (ALL,)),
    ],
)
async def test_what_is_not_worth_it_or_not_wanted_stays_as_it_is(stage: Stage, octets, fields):
    await hosts(stage, octets)
    _, said, body = await stage.ask(request("GET", "/", *fields))
    assert body == octets.partition(b"\r\n\r\n")[2]
    assert said.get("content-encoding") in (None, "br")


async def test_a_cache_learns_that_others_get_it_otherwise(stage: Stage):
    await hosts(stage, ok(BODY, HTML))
    _, fields, _ = await stage.ask(request())
    assert fields["vary"] == "accept-encoding"


async def test_what_named_the_octets_names_them_only_weakly(stage: Stage):
    await hosts(stage, ok(BODY, HTML, 'ETag: "v1"', "Accept-Ranges: bytes"))
    _, fields, _ = await stage.ask(request("GET", "/", GZIP))
    assert fields["etag"] == 'w/"v1"'
    assert "accept-ranges" not in fields


async def test_what_is_true_of_the_octets_before_goes_with_them(stage: Stage):
    digests = ("Content-Digest: sha-256=:eA==:", "Repr-Digest: sha-256=:eA==:", "Digest: md5=eA==")
    await hosts(stage, ok(BODY, HTML, "Accept-Ranges: bytes", "Content-MD5: eA==", *digests))
    client = await stage.connect()
    await client.send(request("GET", "/", GZIP))
    head = await client.head()
    assert b"Content-Encoding: gzip" in head
    assert not any(word in head for word in (b"Digest", b"MD5", b"Accept-Ranges"))


async def test_the_answer_to_head_is_the_worker_s_own(stage: Stage):
    await hosts(stage, ok(BODY, HTML).partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    _, fields, _ = await stage.ask(request("HEAD", "/", ALL))
    assert fields["content-length"] == str(len(BODY))
    assert fields["vary"] == "accept-encoding"
    assert "content-encoding" not in fields


async def test_a_piece_that_the_worker_sends_is_not_held_back(stage: Stage):
    seen = trio.Event()

    async def play(peer):
        await peer.head()
        await peer.send(CHUNKED + b"6\r\nfirst \r\n")
        await seen.wait()
        await peer.send(b"6\r\nsecond\r\n0\r\n\r\n")

    stage.filter(compress=Compress())
    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request("GET", "/", GZIP))
    await client.head()
    decoder = zlib.decompressobj(31)
    said = b""
    while said != b"first ":
        size = int(await client.until(b"\r\n"), 16)
        said += decoder.decompress(await client.exactly(size))
        await client.exactly(2)
    seen.set()
    rest = await client.until(b"\r\n0\r\n\r\n")
    assert (
        decoder.decompress(rest.partition(b"\r\n")[2].removesuffix(b"\r\n0\r\n\r\n")) == b"second"
    )


async def test_an_old_client_gets_it_to_the_end_of_the_connection(stage: Stage):
    await hosts(stage, CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
    client = await stage.connect()
    await client.send(b"GET / HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
    assert b"\r\nContent-Encoding: gzip\r\n" in await client.head()
    assert gunzip(await client.rest()) == BODY


@pytest.mark.parametrize(
    "octets",
    [ok(BODY * 100, HTML)[:-100], CHUNKED + b"5000\r\n%b" % BODY],
)
async def test_half_an_answer_is_cut_and_never_looks_whole(stage: Stage, octets):
    await hosts(stage, octets, close=True)
    client = await stage.connect()
    await client.send(request("GET", "/", GZIP))
    await client.head()
    with pytest.raises(trio.BrokenResourceError):
        await client.rest()


async def test_only_the_types_that_are_named_are_compressed(stage: Stage):
    await hosts(stage, ok(BODY, "Content-Type: text/css"), types=("text/html",))
    _, fields, _ = await stage.ask(request("GET", "/", ALL))
    assert "content-encoding" not in fields
