"""History in its file."""

import sqlite3
import stat
from dataclasses import replace

import pytest

from webqx_supervisor.daemon.history.store import COARSE, FINE, KEPT, MOST_POINTS, Store
from webqx_supervisor.model.history import Point, Tally

POINT = Point(1000, 10.0, 9.0, 10.0, 50, 2, 0.01, None, 3, 12.5, 4096, 2, 1)
NOW = 10_000_000


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "history.db")
    yield opened
    opened.close()


def test_what_was_written_is_read(store):
    store.add(FINE, [("api", POINT), ("web", replace(POINT, requests=7))])
    assert store.points(FINE, "api", 0, 2000) == [POINT]
    assert store.points(FINE, "web", 0, 2000)[0].requests == 7
    assert store.points(COARSE, "api", 0, 2000) == []
    assert store.points(FINE, "api", 1000, 2000) == []


def test_the_file_is_for_its_owner_alone(store, tmp_path):
    assert stat.S_IMODE((tmp_path / "history.db").stat().st_mode) == 0o600


def test_the_next_daemon_reads_it(store, tmp_path):
    store.add(FINE, [("api", POINT)])
    again = Store(tmp_path / "history.db")
    assert again.points(FINE, "api", 0, 2000) == [POINT]
    assert not again.put_aside
    again.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_what_is_no_history_is_put_aside(tmp_path, content):
    path = tmp_path / "history.db"
    path.write_bytes(content)
    store = Store(path)
    assert store.put_aside == bool(content)
    assert (tmp_path / "history.db.broken").exists() == bool(content)
    store.add(FINE, [("api", POINT)])
    store.close()


def test_a_history_of_another_shape_is_put_aside(tmp_path):
    path = tmp_path / "history.db"
    other = sqlite3.connect(path)
    with other:
        other.execute("CREATE TABLE p10 (service TEXT, at, something)")
    other.close()
    store = Store(path)
    assert store.put_aside
    store.close()


def test_what_is_too_old_goes(store):
    for table, life in KEPT.items():
        store.add(table, [("api", replace(POINT, at=NOW - life - 1))])
        store.add(table, [("api", replace(POINT, at=NOW - life))])
    store.prune(NOW)
    for table, life in KEPT.items():
        assert [each.at for each in store.points(table, "api", 0, NOW)] == [NOW - life]


def test_a_long_answer_is_thinned_out_and_keeps_its_end(store):
    store.add(FINE, [("api", replace(POINT, at=at)) for at in range(1, 3 * MOST_POINTS)])
    points = store.points(FINE, "api", 0, NOW)
    assert len(points) <= MOST_POINTS
    assert points[-1].at == 3 * MOST_POINTS - 1
    assert points[-1].span == 3 * POINT.span  # so that nobody takes the distance for a gap


def test_short_spans_are_added_up_by_fine_points(store):
    store.add(FINE, [("api", replace(POINT, at=NOW - each)) for each in (0, 10, 20, 3600)])
    assert store.tally("api", NOW - 60) == Tally(27.0, 30.0, 150, 6)
    assert store.tally("web", NOW - 60) == Tally()


def test_long_spans_count_each_request_once(store):
    """Over coarse points, a restart that cost none of what was before, and what came since."""
    month = NOW - 30 * 86400
    store.add(FINE, [("api", replace(POINT, at=NOW - 700 - 10 * each)) for each in range(6)])
    assert store.tally("api", month).requests == 300
    store.add_coarse([("api", replace(POINT, at=NOW - 650, requests=50))])  # of the new daemon
    assert store.points(COARSE, "api", 0, NOW)[0].requests == 300
    store.add(FINE, [("api", replace(POINT, at=NOW - 640)), ("api", replace(POINT, at=NOW))])
    assert store.tally("api", month) == Tally(72.0, 80.0, 400, 16)
    store.add_coarse([("api", replace(POINT, at=NOW))])
    assert [each.requests for each in store.points(COARSE, "api", 0, NOW)] == [300, 100]
    assert store.tally("api", month) == Tally(72.0, 80.0, 400, 16)
