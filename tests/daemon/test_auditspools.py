"""What proxies have recorded is taken over once, whoever dies in between."""

import fcntl
import json

import pytest

from webqx_supervisor.daemon.auditspools import Spools
from webqx_supervisor.proxy import audit
from webqx_supervisor.proxy.audit import Spool


def line(number):
    return json.dumps({"kind": "access", "n": number}).encode() + b"\n"


class NoReactor:
    """Where nothing runs: a test tries again by itself."""

    def spawn(self, coroutine):
        coroutine.close()


@pytest.fixture
def spool(tmp_path):
    return Spool(NoReactor(), tmp_path, "ab12")


@pytest.fixture
def spools(tmp_path):
    return Spools(tmp_path / "audit-spool")


def numbers(batch):
    return [each["n"] for each in batch.records]


def test_where_nothing_was_recorded_there_is_nothing(spools):
    assert spools.read({}).records == []


def test_records_are_taken_over_once_and_say_from_where(spool, spools):
    spool.write(line(1))
    spool.write(line(2))
    first = spools.read({})
    assert numbers(first) == [1, 2]
    assert [each["from"] for each in first.records] == [
        "ab12-000001.jsonl:1",
        "ab12-000001.jsonl:2",
    ]
    assert first.finished == []
    spool.write(line(3))
    assert numbers(spools.read(first.done)) == [3]


def test_a_batch_that_did_not_come_into_the_chain_comes_again(spool, spools):
    spool.write(line(1))
    before = spools.read({}).done
    spool.write(line(2))
    spools.read(before)
    assert numbers(spools.read(before)) == [2]
    assert numbers(spools.read({})) == [1, 2]


def test_a_new_daemon_begins_where_the_chain_ends(spool, spools, tmp_path):
    for number in range(5):
        spool.write(line(number))
    assert numbers(Spools(tmp_path / "audit-spool").read({"ab12-000001.jsonl": 3})) == [3, 4]


def test_a_spool_is_finished_when_its_proxy_is_gone(spool, spools, tmp_path):
    spool.write(line(1))
    spool.close()
    batch = spools.read({})
    assert (numbers(batch), batch.finished) == ([1], ["ab12-000001.jsonl"])
    spools.remove(batch.finished)
    assert list((tmp_path / "audit-spool").iterdir()) == []


def test_a_spool_is_finished_when_the_next_is_begun(spool, spools, monkeypatch):
    monkeypatch.setattr(audit, "SEGMENT", 1)
    spool.write(line(1))
    spool.write(line(2))
    batch = spools.read({})
    assert (numbers(batch), batch.finished) == ([1, 2], ["ab12-000001.jsonl"])


def test_a_spool_that_is_taken_away_is_begun_anew(spool, spools, tmp_path):
    spool.write(line(1))
    (tmp_path / "audit-spool" / "ab12-000001.jsonl").unlink()
    spool.write(line(2))
    assert numbers(spools.read({})) == [2]


def test_a_spool_has_its_name_only_once_it_is_locked(spool, spools, monkeypatch):
    seen = []
    monkeypatch.setattr(audit.fcntl, "flock", lambda *_: seen.append(spools.names()))
    spool.write(line(1))
    assert seen == [[]]
    assert spools.names() == ["ab12-000001.jsonl"]


def test_what_a_dying_proxy_has_torn_is_told_of(spools, tmp_path):
    folder = tmp_path / "audit-spool"
    folder.mkdir()
    (folder / "ab12-000001.jsonl").write_bytes(line(1) + b'{"kind":"acc')
    batch = spools.read({})
    assert [each["kind"] for each in batch.records] == ["access", "unreadable"]
    assert batch.finished == ["ab12-000001.jsonl"]


@pytest.mark.parametrize(
    "text",
    ["x", "[]", '{"kind":"command"}', '{"kind":["access"]}', '{"kind":"access","seq":1}'],
)
def test_nobody_can_put_into_the_chain_what_a_proxy_does_not_say(spools, tmp_path, text):
    folder = tmp_path / "audit-spool"
    folder.mkdir()
    (folder / "ab12-000001.jsonl").write_text(f"{text}\n")
    (record,) = spools.read({}).records
    assert (record["kind"], record["text"]) == ("unreadable", text)


def test_while_a_proxy_lives_its_last_line_may_still_grow(spools, tmp_path):
    folder = tmp_path / "audit-spool"
    folder.mkdir()
    path = folder / "ab12-000001.jsonl"
    with path.open("ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        file.write(line(1)[:-5])
        assert spools.read({}).records == []
        file.write(line(1)[-5:])
        assert numbers(spools.read({})) == [1]


def test_records_that_cannot_be_written_are_held_and_then_written(spool, spools, tmp_path):
    (tmp_path / "audit-spool").write_text("in the way")
    for number in range(3):
        spool.write(line(number))
    assert spool.failing
    (tmp_path / "audit-spool").unlink()
    assert spool._write_held()
    assert numbers(spools.read({})) == [0, 1, 2]


def test_what_is_lost_is_counted(spool, spools, tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "MOST_HELD", 2)
    (tmp_path / "audit-spool").write_text("in the way")
    for number in range(5):
        spool.write(line(number))
    (tmp_path / "audit-spool").unlink()
    assert spool._write_held()
    records = spools.read({}).records
    assert [each["kind"] for each in records] == ["access", "access", "lost"]
    assert records[-1]["count"] == 3


def test_a_spool_that_nobody_empties_fills_up(spool, monkeypatch):
    monkeypatch.setattr(audit, "SEGMENT", 1)
    monkeypatch.setattr(audit, "MOST_SEGMENTS", 3)
    for number in range(4):
        spool.write(line(number))
    assert spool.failing
