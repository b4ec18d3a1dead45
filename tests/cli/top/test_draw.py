"""How the screen looks, at any size."""

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from webqx_supervisor.cli.top.draw import Screen, draw, spark
from webqx_supervisor.cli.top.rows import Row
from webqx_supervisor.cli.top.view import Order, Pane, View

ANSWER = {
    "daemon": {"name": "clinic", "uptime_s": 65},
    "proxies": [{"connections": 3}, {"connections": 4}],
}


def row(name, state="RUNNING", **more):
    shown = {
        "name": name,
        "service": name.partition(":")[0],
        "worker": ":" in name,
        "state": state,
        "well": state == "RUNNING",
        "detail": "2/2",
        "cpu_percent": 12.4,
        "rss_bytes": 50_000_000,
        "in_flight": 9,
        "restarts": 2,
        "instances": 2,
        "reason": "",
        "rates": (1.0, 2.0, 4.0),
        "p50": 0.01,
        "p99": 0.04,
        "errors": 0.5,
    }
    return Row(**{**shown, **more})


ROWS = [row("api"), row("api:1"), row("api:2", "FATAL")]
SCREEN = Screen(ANSWER, ROWS, ROWS, View("api"), ["a", "b"])


def drawn(screen, width=80, height=24, **more):
    file = io.StringIO()
    console = Console(
        file=file, width=width, height=height, force_terminal=False, legacy_windows=False
    )
    console.print(draw(screen, width, height, **more))
    return file.getvalue().splitlines()


def test_80_columns_show_everything():
    lines = drawn(SCREEN)
    assert lines[0].startswith("clinic  up 1m05s  1 service, all well  4.0 req/s  7 connections")
    assert " ".join(lines[1].split()) == "NAME STATE UP/PID RPS P50 P99 5XX FLY RST CPU MEM REQ/S"
    assert lines[2].split()[:6] == ["api", "RUNNING", "2/2", "4.0", "10ms", "40ms"]
    assert lines[2].split()[6:9] == ["0.5", "9", "2"]
    assert lines[4].split()[:2] == ["api:2", "FATAL"]
    assert lines[5].startswith("logs of api ")
    assert [line.strip() for line in lines[6:8]] == ["a", "b"]
    assert lines[-1].startswith("r reload")


def test_what_a_worker_says_stands_over_its_log():
    rows = [row("api"), row("api:1", says="3 jobs left", reason="is slow")]
    lines = drawn(replace(SCREEN, rows=rows, view=View("api:1")))
    assert "logs of api:1  is slow  3 jobs left" in lines[4]
    assert "3 jobs" not in "".join(drawn(replace(SCREEN, rows=rows)))


@given(
    st.integers(20, 200),
    st.integers(6, 60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.sampled_from(Pane),
    st.integers(0, 59),
)
def test_it_fills_the_terminal_whatever_its_size(width, height, rows, pane, kind, selected):
    names = [f"service-with-a-long-name-{number}" for number in range(rows)]
    view = View(names[selected] if selected < rows else "", pane=kind)
    shown = [row(name, reason="taken " * pane) for name in names]
    screen = Screen(ANSWER, shown, shown, view, ["x" * 300] * pane)
    lines = drawn(screen, width, height)
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (60, "NAME STATE UP/PID RPS P99 5XX CPU MEM"),
        (40, "NAME STATE RPS CPU MEM"),
        (20, "NAME STATE"),
    ],
)
def test_a_narrow_terminal_shows_what_matters_most(width, titles):
    lines = drawn(SCREEN, width)
    assert " ".join(lines[1].split()) == titles
    assert lines[3].startswith("  api:1")


def test_the_chosen_row_is_always_in_sight():
    rows = [row(f"s{number:02}") for number in range(50)]
    for each in rows:
        lines = drawn(replace(SCREEN, rows=rows, view=View(each.name)))
        assert any(line.startswith(each.name) for line in lines)


def test_a_filter_changes_nothing_of_what_is_said_of_all():
    lines = drawn(replace(SCREEN, rows=[], view=View(filter="zzz")))
    assert lines[0].startswith("clinic  up 1m05s  1 service, all well  4.0 req/s")
    assert lines[3].startswith("no service or worker has 'zzz' in its name")


def test_what_rows_there_are_is_said_where_not_all_are_shown():
    rows = [row(f"s{number:02}") for number in range(50)]
    screen = replace(SCREEN, everything=rows, rows=rows, view=View("s30"))
    lines = drawn(screen)
    assert lines[2].split()[0] == "s21"
    assert "logs of s30  22-39 of 50 " in lines[20]
    assert " of " not in drawn(SCREEN)[5].removeprefix("logs of api")


def test_all_keys_are_told_on_the_smallest_usual_terminal():
    rows = [row(f"s{number:02}") for number in range(50)]
    lines = drawn(replace(SCREEN, rows=rows, view=View("s00", pane=Pane.KEYS)))
    assert lines[-2].startswith("q ")
    assert not any("…" in line for line in lines)


def test_a_long_reason_is_read_to_its_end_below_the_log():
    reason = "no program x in PATH (" + ":".join(f"/opt/{n}/bin" for n in range(12)) + ")"
    rows = [row("api", "FATAL", reason=reason)]
    lines = drawn(replace(SCREEN, everything=rows, rows=rows))
    assert any(line.rstrip().endswith("/opt/11/bin)") for line in lines)


def test_a_long_name_has_the_room_of_a_wide_terminal():
    name = "a-service-with-a-rather-long-name"
    rows = [row(name), row(f"{name}:1")]
    wide = drawn(replace(SCREEN, everything=rows, rows=rows), 140)
    assert wide[3].startswith(f"  {name}:1 RUNNING")
    assert drawn(replace(SCREEN, everything=rows, rows=rows))[3].startswith("  a-service-with")


def test_a_very_wide_terminal_shows_a_longer_graph_and_no_wider_name():
    assert drawn(SCREEN, 170)[2].startswith("api     RUNNING")


def test_the_latest_lines_of_a_log_are_those_that_fit():
    lines = drawn(replace(SCREEN, pane=[f"line {number}" for number in range(99)]))
    assert lines[-2].strip() == "line 98"


@pytest.mark.parametrize(
    ("change", "at", "text"),
    [
        ({"trouble": "the daemon is not running"}, 0, "the daemon is not running"),
        ({"busy": "reload api"}, -1, "reload api ..."),
        ({"view": View("api", note="reload api: done")}, -1, "reload api: done"),
        ({"view": View("api", asking=Order("stop", "api"))}, -1, "stop api? y to do it"),
        ({"view": View("api", typing=True, filter="ap")}, -1, "filter: ap_"),
        ({"view": View("api", filter="ap")}, -1, "filter: ap "),
        ({"view": View("api", pane=Pane.KEYS)}, 6, "up, down, k, j"),
    ],
)
def test_what_there_is_to_say_is_said(change, at, text):
    assert drawn(replace(SCREEN, **change))[at].startswith(text)


def test_why_a_worker_is_down_stands_above_its_log():
    rows = [row("api"), row("api:1", "FATAL", reason="port 3001 is taken")]
    lines = drawn(replace(SCREEN, rows=rows, view=View("api:1")))
    assert "logs of api:1  port 3001 is taken" in lines[4]


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ((), "    "),
        ((0.0, 0.0), "  ▁▁"),
        ((0.0, 1.0, 2.0), " ▁▅█"),
        ((9.0, 1.0, 1.0, 1.0, 1.0), "████"),
    ],
)
def test_a_graph_shows_the_latest_rates(rates, expected):
    assert spark(rates, 4) == expected


def test_a_terminal_without_unicode_gets_another_graph():
    lines = drawn(SCREEN, ascii_only=True)
    assert lines[2].isascii()
