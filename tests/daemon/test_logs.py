"""Which files `logs` means, and what comes out of them."""

import os

import pytest
import trio
from fakes import service

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon.logs import LogReader
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import NoSuchService, UsageError
from webqx_supervisor.model.service import Logs


@pytest.fixture
async def reader(stage, output, tmp_path, nursery):
    """Of a service that wants two workers and has none yet."""
    config = Config("name", "/services.toml", services=(service(instances=2),))
    sockets = ListeningSockets(FdStore(""), stage.resources.registry)
    services = Services(config, stage.resources, sockets)
    await nursery.start(services.run)
    return LogReader(tmp_path, output, services)


async def test_all_workers_of_a_service_are_told_apart_by_labels(reader, tmp_path):
    files = {tmp_path / "api-1.log": "api:1 | ", tmp_path / "api-2.log": "api:2 | "}
    assert reader.files("api") == reader.files("") == files


async def test_a_single_worker_needs_no_label(reader, tmp_path):
    assert reader.files("api:2") == {tmp_path / "api-2.log": ""}


async def test_a_worker_that_was_scaled_away_can_still_be_read(reader, tmp_path):
    (tmp_path / "api-3.log").write_text("2026-11-23T21:10:00.123Z last words\n")
    pieces = [piece async for piece in reader.last(reader.files("api:3"), 10)]
    assert pieces == [b"2026-11-23T21:10:00.123Z last words\n"]


async def test_several_may_be_named_and_each_is_there_once(reader, tmp_path):
    assert list(reader.files("api:2,api")) == [tmp_path / "api-1.log", tmp_path / "api-2.log"]


async def test_files_that_the_lines_once_went_to_are_read_as_well(reader, tmp_path):
    (tmp_path / "api-1.err.log").touch()
    (row,) = reader.workers("api:1")
    assert row["files"] == [str(tmp_path / "api-1.log"), str(tmp_path / "api-1.err.log")]


@pytest.mark.parametrize("which", ["web", "api,web", "api:3", "api:0", ":1"])
async def test_an_unknown_worker_is_refused(reader, which):
    with pytest.raises(NoSuchService):
        reader.files(which)


async def test_a_word_for_a_number_is_a_slip(reader):
    with pytest.raises(UsageError, match="api:1"):
        reader.files("api:first")


async def test_following_begins_with_the_last_lines(reader, tmp_path):
    (tmp_path / "api-1.log").write_text("one\ntwo\n")
    stream = reader.on("api:1", 1)
    with trio.fail_after(20):
        assert await anext(stream) == b"two\n"
    await stream.aclose()


async def test_following_takes_in_a_worker_that_comes_later(reader, output, tmp_path):
    stream = reader.on("api", 9)
    (tmp_path / "api-1.log").write_text("one\n")
    with trio.fail_after(20):
        assert await anext(stream) == b"api:1 | one\n"
        reader._services.all()[0].wanted = 3
        reading, writing = os.pipe()
        output.attach("three", "out", reading, tmp_path / "api-3.log", Logs())
        os.write(writing, b"hello\n")
        os.close(writing)
        piece = await anext(stream)
    assert piece.startswith(b"api:3 | ")
    assert piece.endswith(b"Z out hello\n")
    await stream.aclose()


async def test_no_call_has_the_daemon_hold_all_that_was_ever_written(reader, tmp_path):
    (tmp_path / "api-1.log").write_text("line\n" * 1500)
    (piece,) = [piece async for piece in reader.last(reader.files("api:1"), 1_000_000)]
    assert piece.count(b"\n") == 1000
