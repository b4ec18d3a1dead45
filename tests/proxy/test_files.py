"""proxy/files.py: folders behind routes, asked on the wire."""

import errno
import gzip
import os
import socket

import pytest
import trio
from helpers import auntil
from stage import Stage, request

from webqx_supervisor.model.filters import Compress, Edits, Filters
from webqx_supervisor.model.gateway import Files, Limits, Route

HTML = "Accept: text/html,*/*;q=0.8"
BIG = bytes(range(256)) * 4096 * 4  # 4 MiB: no socket buffer of the loopback holds it


@pytest.fixture
def dist(tmp_path):
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "index.html").write_text("<p>start")
    (folder / "assets/app.js").write_text("let a = 1;" * 200)
    (folder / "assets/big.bin").write_bytes(BIG)
    (folder / "letters.txt").write_text("abcdefghij")
    (folder / "nothing.txt").write_text("")
    (folder / ".env").write_text("SECRET=1")
    (folder / ".well-known").mkdir()
    (folder / ".well-known/security.txt").write_text("Contact: me")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


async def serves(stage: Stage, folder, path="/", filters=None, pattern="", **keys):
    files = Files(str(folder), **keys)
    route = Route("web", path=path, pattern=pattern, files=files, filters=filters or Filters())
    stage.routes = (route,)
    await stage.apply()


async def get(stage: Stage, path, *fields, method="GET"):
    return await stage.ask(request(method, path, *fields))


async def test_a_file_is_answered_with_what_there_is_to_say_of_it(stage: Stage, dist):
    await serves(stage, dist)
    status, fields, body = await get(stage, "/letters.txt")
    assert (status, body) == (200, b"abcdefghij")
    assert fields["content-type"] == "text/plain; charset=utf-8"
    assert fields["accept-ranges"] == "bytes"
    assert fields["cache-control"] == "no-cache"
    assert fields["etag"].startswith('"')
    assert fields["last-modified"].endswith(" gmt")
    assert "date" in fields
    assert " GET /letters.txt 200 10 " in stage.log_lines()[0]


async def test_head_says_the_same_without_the_body_and_the_connection_goes_on(stage: Stage, dist):
    await serves(stage, dist)
    client = await stage.connect()
    await client.send(request("GET", "/assets/app.js"))
    _, whole, _ = await client.answer()
    await client.send(request("HEAD", "/assets/app.js"))
    _, told, _ = await client.answer(to_head=True)
    whole.pop("date"), told.pop("date")
    assert told == whole
    await client.send(request("GET", "/letters.txt"))
    assert (await client.answer())[2] == b"abcdefghij"


async def test_an_empty_file_is_an_answer(stage: Stage, dist):
    await serves(stage, dist)
    status, fields, body = await get(stage, "/nothing.txt", "Range: bytes=0-")
    assert (status, body, fields["content-length"]) == (200, b"", "0")


def cannot(*_):
    raise OSError(errno.EINVAL, "not for this file system")


@pytest.mark.parametrize("sendfile", ["there", "not there", "not for this file"])
async def test_a_large_file_comes_whole_at_the_pace_of_its_client(
    stage: Stage, dist, sendfile, monkeypatch
):
    if sendfile == "not there":
        monkeypatch.delattr(os, "sendfile")
    elif sendfile == "not for this file":
        monkeypatch.setattr(os, "sendfile", cannot)
    await serves(stage, dist)
    client = await stage.connect()
    await client.send(request("GET", "/assets/big.bin") + request("GET", "/letters.txt"))
    _, fields, body = await client.answer()
    assert fields["content-length"] == str(len(BIG))
    assert body == BIG
    assert (await client.answer())[2] == b"abcdefghij"


async def test_a_client_that_takes_nothing_is_cut_off(stage: Stage, dist):
    stage.limits = Limits(write_timeout=0.3)
    await serves(stage, dist)
    client = await stage.connect()
    client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await client.send(request("GET", "/assets/big.bin"))
    await auntil(lambda: not stage.proxy.gateway.clients)
    assert "took nothing for 0.3 s" in stage.log_lines()[0]


async def test_a_file_that_gets_shorter_while_it_is_sent_is_cut_not_filled_up(stage: Stage, dist):
    await serves(stage, dist)
    client = await stage.connect()
    await client.send(request("GET", "/assets/big.bin"))
    await client.head()
    os.truncate(dist / "assets/big.bin", 100_000)
    with pytest.raises((trio.BrokenResourceError, AssertionError)):
        await client.exactly(len(BIG))
    assert "the file has become shorter" in stage.log_lines()[0]


@pytest.mark.parametrize(
    "path",
    [
        "/.env",
        "/%2Eenv",
        "/assets/.hidden",
        "/missing.js",
        "/missing/",
        "/letters.txt/",
        "/letters.txt/x",
        "//letters.txt",
        "/assets//app.js",
        "/assets%2Fapp.js",
        "/a%5C..%5Csecret.txt",
        "/empty/",
        "/" + "x" * 300,
    ],
)
async def test_what_is_not_there_or_not_meant_to_be_seen_is_not_found(stage: Stage, dist, path):
    await serves(stage, dist)
    status, _, body = await get(stage, path)
    assert status in (400, 404)
    assert b"secret" not in body.lower()


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/..%5csecret"]
)
async def test_a_path_that_climbs_is_refused(stage: Stage, dist, path):
    await serves(stage, dist, hidden=True)
    assert (await get(stage, path))[0] in (400, 404)


async def test_what_is_well_known_is_found_and_hidden_names_if_it_is_said_so(stage: Stage, dist):
    await serves(stage, dist)
    assert (await get(stage, "/.well-known/security.txt"))[2] == b"Contact: me"
    await serves(stage, dist, hidden=True)
    assert (await get(stage, "/.env"))[2] == b"SECRET=1"


async def test_links_lead_about_in_the_folder_but_not_out_of_it(stage: Stage, dist):
    (dist / "within.txt").symlink_to("letters.txt")
    (dist / "out.txt").symlink_to("../secret.txt")
    (dist / "up").symlink_to("..")
    (dist / "round").symlink_to("round")
    await serves(stage, dist)
    assert (await get(stage, "/within.txt"))[2] == b"abcdefghij"
    for path in ("/out.txt", "/up/secret.txt", "/round"):
        assert (await get(stage, path))[0] == 404, path


async def test_the_folder_itself_may_be_a_link_and_lead_elsewhere_later(stage: Stage, tmp_path):
    for release in ("one", "two"):
        (tmp_path / release).mkdir()
        (tmp_path / release / "a.txt").write_text(release)
    current = tmp_path / "current"
    current.symlink_to("one")
    await serves(stage, current)
    assert (await get(stage, "/a.txt"))[2] == b"one"
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(current)
    assert (await get(stage, "/a.txt"))[2] == b"two"


async def test_what_is_no_file_is_not_waited_for(stage: Stage, dist):
    os.mkfifo(dist / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(dist)  # a path of any length
        listening.bind("socket")
        await serves(stage, dist)
        assert (await get(stage, "/pipe"))[0] == 404
        assert (await get(stage, "/socket"))[0] == 404


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_is_forbidden(stage: Stage, dist):
    (dist / "letters.txt").chmod(0)
    await serves(stage, dist)
    assert (await get(stage, "/letters.txt"))[0] == 403


async def test_other_methods_are_told_what_there_is(stage: Stage, dist):
    await serves(stage, dist)
    status, fields, _ = await get(stage, "/letters.txt", method="DELETE")
    assert (status, fields["allow"]) == (405, "get, head, options")
    status, fields, _ = await get(stage, "/letters.txt", method="OPTIONS")
    assert (status, fields["allow"]) == (204, "get, head, options")


async def test_a_folder_is_its_index_and_without_the_slash_a_redirect(stage: Stage, dist):
    (dist / "assets/index.html").write_text("assets")
    await serves(stage, dist)
    assert (await get(stage, "/"))[2] == b"<p>start"
    assert (await get(stage, "/assets/?q"))[2] == b"assets"
    status, fields, _ = await get(stage, "/assets?q=1")
    assert (status, fields["location"]) == (308, "/assets/?q=1")


async def test_the_prefix_of_the_route_is_no_part_of_the_name(stage: Stage, dist):
    await serves(stage, dist, path="/static/")
    assert (await get(stage, "/static/letters.txt"))[2] == b"abcdefghij"
    assert (await get(stage, "/static/"))[2] == b"<p>start"
    assert (await get(stage, "/static"))[1]["location"] == "/static/"
    assert (await get(stage, "/letters.txt"))[0] == 404
    await serves(stage, dist, pattern="/assets/**")
    assert (await get(stage, "/assets/app.js"))[0] == 200


async def test_a_front_end_gets_its_page_for_all_addresses_but_not_for_lost_scripts(
    stage: Stage, dist
):
    await serves(stage, dist, fallback="index.html", cache=(("*", "x"), ("*.html", "no-cache")))
    for path, fields in (
        ("/patients/7", ()),
        ("/patients/7", (HTML,)),
        ("/empty/", (HTML,)),
        ("/a/b.c", (HTML,)),
    ):
        status, told, body = await get(stage, path, *fields)
        assert (status, body) == (200, b"<p>start"), path
        assert told["cache-control"] == "no-cache"
    assert (await get(stage, "/assets/app.old.js", "Accept: */*"))[0] == 404
    assert (await get(stage, "/.env", HTML))[0] == 404


async def test_a_listing_names_what_is_there_and_nothing_hidden(stage: Stage, dist):
    (dist / "empty/a<b>.txt").write_text("1")
    (dist / "empty/.x").write_text("1")
    (dist / "empty/sub").mkdir()
    await serves(stage, dist, listing=True)
    status, fields, body = await get(stage, "/empty/")
    assert (status, fields["content-type"]) == (200, "text/html; charset=utf-8")
    assert b'<a href="./a%3Cb%3E.txt">a&lt;b&gt;.txt</a>' in body
    assert b'<a href="./sub/">sub/</a>' in body
    assert b".x" not in body


async def test_a_client_that_has_the_file_is_told_so(stage: Stage, dist):
    await serves(stage, dist)
    client = await stage.connect()
    await client.send(request("GET", "/letters.txt"))
    _, fields, _ = await client.answer()
    etag, date = fields["etag"], fields["last-modified"].title().replace("Gmt", "GMT")
    for condition in (f"If-None-Match: W/{etag}", f"If-Modified-Since: {date}"):
        await client.send(request("GET", "/letters.txt", condition))
        status, told, _ = await client.answer()
        assert status == 304
        assert told["etag"] == etag
        assert "content-length" not in told
    (dist / "letters.txt").write_text("0123456789")  # the same size
    await client.send(request("GET", "/letters.txt", f"If-None-Match: {etag}"))
    assert (await client.answer())[2] == b"0123456789"
    await client.send(request("GET", "/letters.txt", f"If-Match: {etag}"))
    assert (await client.answer())[0] == 412


async def test_a_part_is_answered_as_a_part(stage: Stage, dist):
    await serves(stage, dist)
    status, fields, body = await get(stage, "/letters.txt", "Range: bytes=2-4")
    assert (status, body, fields["content-range"]) == (206, b"cde", "bytes 2-4/10")
    status, fields, body = await get(stage, "/assets/big.bin", "Range: bytes=1000000-")
    assert (status, body == BIG[1000000:]) == (206, True)
    status, fields, _ = await get(stage, "/letters.txt", "Range: bytes=10-")
    assert (status, fields["content-range"]) == (416, "bytes */10")
    status, fields, body = await get(stage, "/letters.txt", "Range: bytes=0-1,3-4")
    assert (status, body) == (200, b"abcdefghij")
    status, fields, body = await get(stage, "/letters.txt", "Range: bytes=1-", 'If-Range: "old"')
    assert (status, body) == (200, b"abcdefghij")


async def test_an_encoded_sibling_goes_to_who_takes_it(stage: Stage, dist):
    plain = dist / "assets/app.js"
    packed = dist / "assets/app.js.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    await serves(stage, dist)
    _, fields, body = await get(stage, "/assets/app.js", "Accept-Encoding: br, gzip")
    assert fields["content-encoding"] == "gzip"
    assert fields["content-type"] == "text/javascript; charset=utf-8"
    assert fields["vary"] == "accept-encoding"
    assert gzip.decompress(body) == plain.read_bytes()
    _, other, body = await get(stage, "/assets/app.js")
    assert body == plain.read_bytes()
    assert other["vary"] == "accept-encoding"
    assert other["etag"] != fields["etag"]
    os.utime(packed, (1, 1))  # older than what it was made of
    _, fields, _ = await get(stage, "/assets/app.js", "Accept-Encoding: gzip")
    assert "content-encoding" not in fields


async def test_a_file_without_sibling_is_compressed_where_the_route_says_so(stage: Stage, dist):
    (dist / "large.txt").write_bytes(b"0123456789" * 50_000)
    await serves(stage, dist, filters=Filters(compress=Compress(encodings=("gzip",))))
    for path in ("assets/app.js", "large.txt"):
        _, fields, body = await get(stage, f"/{path}", "Accept-Encoding: gzip")
        assert fields["content-encoding"] == "gzip"
        assert fields["vary"] == "accept-encoding"
        assert fields["etag"].startswith("w/")
        assert gzip.decompress(body) == (dist / path).read_bytes()
        etag = fields["etag"].replace("w/", "W/")
        told = await get(stage, f"/{path}", "Accept-Encoding: gzip", f"If-None-Match: {etag}")
        assert (told[0], told[1]["etag"]) == (304, fields["etag"])


@pytest.mark.parametrize("precompressed", [False, True])
async def test_a_cache_learns_that_others_get_the_file_compressed(
    stage: Stage, dist, precompressed
):
    compressing = Filters(compress=Compress(min_size=1))
    await serves(stage, dist, filters=compressing, precompressed=precompressed)
    for method in ("GET", "HEAD"):
        for accepted in ("identity", "gzip"):
            client = await stage.connect()
            await client.send(request(method, "/assets/app.js", f"Accept-Encoding: {accepted}"))
            assert (await client.head()).count(b"Vary: Accept-Encoding\r\n") == 1


async def test_what_the_route_writes_itself_goes_first(stage: Stage, dist):
    edits = Edits(set=(("Cache-Control", "private"), ("Content-Type", "text/x-mine")))
    await serves(stage, dist, filters=Filters(response_headers=edits))
    client = await stage.connect()
    await client.send(request("GET", "/letters.txt"))
    head = await client.head()
    assert head.count(b"Cache-Control") == head.count(b"Content-Type") == 1
    assert b"Content-Type: text/x-mine\r\n" in head
