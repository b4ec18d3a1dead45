"""The journal comes back as it was written; a broken one is as good as none."""

from dataclasses import replace

import pytest

from webqx_supervisor.daemon import journal
from webqx_supervisor.daemon.journal import Entries, Order, ProxyEntry, WorkerEntry
from webqx_supervisor.model.status import WorkerState

ENTRIES = Entries(
    boot_id="b",
    orders=(Order("api", 3, stopped=True),),
    workers=(WorkerEntry("api", 1, None, 7, 99, "cookie", WorkerState.DRAINING, 2, 1.5),),
    proxies=(ProxyEntry(8, 100, "link=1-1", 2.5),),
)


def test_what_was_written_is_read(tmp_path):
    journal.write(tmp_path / "journal.json", ENTRIES)
    assert journal.read(tmp_path / "journal.json") == ENTRIES


def test_what_was_written_before_is_written_anew_as_it_is_now(tmp_path):
    first, second = ENTRIES.workers[0], replace(ENTRIES.workers[0], instance=2, pid=9)
    journal.write(tmp_path / "journal.json", ENTRIES)
    for workers in ((first, second), (replace(first, restarts=3), second), (second,), ()):
        now = replace(ENTRIES, workers=workers)
        journal.write(tmp_path / "journal.json", now)
        assert journal.read(tmp_path / "journal.json") == now


def test_without_a_file_the_journal_is_empty(tmp_path):
    assert journal.read(tmp_path / "journal.json") == Entries()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"workers": 3}',
        b'{"workers": [{"service": "api"}]}',
        b'{"orders": [{"service": "api", "instances": null, "stopped": false}]}',
    ],
)
def test_a_broken_journal_is_an_empty_one(tmp_path, content):
    (tmp_path / "journal.json").write_bytes(content)
    assert journal.read(tmp_path / "journal.json") == Entries()


def test_keys_of_a_later_version_are_passed_over(tmp_path):
    (tmp_path / "journal.json").write_text('{"boot_id": "b", "colour": "red"}')
    assert journal.read(tmp_path / "journal.json") == Entries("b")


def test_a_journal_that_cannot_be_written_is_said_and_survived(tmp_path, caplog):
    journal.write(tmp_path / "no such folder" / "journal.json", ENTRIES)
    assert "cannot write the journal" in caplog.text
