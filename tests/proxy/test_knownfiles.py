"""proxy/knownfiles.py: a file is kept as long as it is the same, and never longer."""

import os

import pytest
from stage import Stage, request

from webqx_supervisor.model.gateway import Files, Route
from webqx_supervisor.proxy import knownfiles
from webqx_supervisor.proxy.knownfiles import Answerable, KnownFiles

LATER = 1 << 62  # ns


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("first")
    return path


def keep(known, path, key="k", clock=LATER):
    fd = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        known.keep(
            key, Answerable(b'"e"', 0, size, b"", False, b"", fd), os.fsencode(path), 0.0, clock
        )
    finally:
        os.close(fd)


def test_what_has_not_changed_is_found_with_its_octets_and_without_a_descriptor(file):
    known = KnownFiles()
    keep(known, file)
    found = known.find("k", 0.5)
    assert (found.body, found.fd) == (b"first", -1)
    assert known.find("other", 0.5) is None


def test_what_has_changed_is_forgotten(file, tmp_path):
    def rewrite():
        file.write_text("other")

    def replace():
        (tmp_path / "b").write_text("other")
        (tmp_path / "b").rename(file)

    for change in (rewrite, replace, lambda: os.utime(file, (1, 1)), file.unlink):
        known = KnownFiles()
        keep(known, file)
        change()
        assert known.find("k", 0.5) is None, change


def test_it_is_looked_for_anew_after_a_second(file):
    known = KnownFiles()
    keep(known, file)
    assert known.find("k", knownfiles.AGAIN) is None


def test_what_was_changed_just_now_may_change_again_unseen(file):
    known = KnownFiles()
    keep(known, file, clock=file.stat().st_ctime_ns + 1)
    assert known.find("k", 0.5) is None


def test_memory_is_bounded(tmp_path):
    known, large = KnownFiles(), tmp_path / "large"
    large.write_bytes(b"x" * (knownfiles.LONGEST + 1))
    keep(known, large)
    assert known.find("k", 0.5) is None
    large.write_bytes(b"x" * knownfiles.LONGEST)
    for number in range(200):
        keep(known, large, number)
    kept = [number for number in range(200) if known.find(number, 0.5) is not None]
    assert 199 in kept
    assert len(kept) * knownfiles.LONGEST <= knownfiles.MOST_OCTETS


async def test_a_client_sees_each_change_at_once(stage: Stage, tmp_path, monkeypatch):
    monkeypatch.setattr(knownfiles, "SETTLED_NS", -LATER)
    dist = tmp_path / "dist"
    dist.mkdir()
    file = dist / "a.txt"
    (tmp_path / "secret").write_text("secret")
    stage.routes = (Route("web", files=Files(str(dist))),)
    await stage.apply()
    client = await stage.connect()

    async def get(*fields):
        await client.send(request("GET", "/a.txt", *fields))
        return await client.answer()

    for text in ("one", "two", "three"):
        file.write_text(text)
        for _ in range(3):
            status, fields, body = await get()
            assert (status, body.decode()) == (200, text)
            assert (await get("Range: bytes=1-2"))[2].decode() == text[1:3]
            assert (await get(f"If-None-Match: {fields['etag']}"))[0] == 304
    file.unlink()
    assert (await get())[0] == 404
    file.symlink_to("../secret")
    assert (await get())[0] == 404
