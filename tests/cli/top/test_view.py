"""What a key does."""

from dataclasses import replace

import pytest

from webqx_supervisor.cli.top.rows import Row
from webqx_supervisor.cli.top.view import HELP, Order, Pane, View, press, settled


def row(name, state="RUNNING"):
    service = name.partition(":")[0]
    return Row(name, service, ":" in name, state, state == "RUNNING", "1", 0.0, 0, 0, 0, 2, "")


ROWS = [row("api"), row("api:1"), row("api:2"), row("web", "STOPPED")]
AT_API = View(selected="api:1")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("down", "api:2"),
        ("j", "api:2"),
        ("up", "api"),
        ("k", "api"),
        ("page down", "web"),
        ("end", "web"),
        ("page up", "api"),
        ("home", "api"),
    ],
)
def test_keys_move_the_choice_and_stop_at_the_ends(key, expected):
    view = press(AT_API, key, ROWS).view
    assert view.selected == expected
    assert press(replace(view, selected="web"), "down", ROWS).view.selected == "web"


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("r", Order("reload", "api")),
        ("+", Order("scale", "api", "+1")),
        ("-", Order("scale", "api", "-1")),
    ],
)
def test_what_loses_nothing_is_done_at_once(key, order):
    step = press(AT_API, key, ROWS)
    assert (step.order, step.view.asking, step.quits) == (order, None, False)


@pytest.mark.parametrize(
    ("key", "order"), [("R", Order("restart", "api")), ("s", Order("stop", "api"))]
)
def test_what_interrupts_wants_a_yes(key, order):
    asked = press(AT_API, key, ROWS)
    assert (asked.order, asked.view.asking) == (None, order)
    assert press(asked.view, "y", ROWS).order == order
    for other in ("n", "q", "r", "escape", "enter"):
        step = press(asked.view, other, ROWS)
        assert (step.order, step.view.asking, step.quits) == (None, None, False)


def test_what_is_stopped_is_started_without_asking():
    assert press(View(selected="web"), "s", ROWS).order == Order("start", "web")


def test_a_key_for_a_service_does_nothing_where_there_is_none():
    assert press(View(), "r", []).order is None
    assert press(View(), "down", []).view.selected == ""


def test_the_same_key_opens_and_closes_a_pane():
    opened = press(AT_API, "e", ROWS).view
    assert opened.pane is Pane.EVENTS
    assert press(opened, "w", ROWS).view.pane is Pane.WHY
    assert press(opened, "e", ROWS).view.pane is Pane.LOGS
    assert press(opened, "escape", ROWS).view.pane is Pane.LOGS


def test_a_filter_is_typed_kept_and_ended():
    view = press(AT_API, "/", ROWS).view
    for key in ("q", "r", "x", "backspace"):
        step = press(view, key, ROWS)
        assert (step.order, step.quits) == (None, False)
        view = step.view
    assert (view.filter, view.typing) == ("qr", True)
    kept = press(view, "enter", ROWS).view
    assert (kept.filter, kept.typing) == ("qr", False)
    assert press(view, "up", ROWS).view == view
    for ended in (press(view, "escape", ROWS).view, press(kept, "escape", ROWS).view):
        assert (ended.filter, ended.typing) == ("", False)


def test_q_leaves():
    assert press(AT_API, "q", ROWS).quits


def test_a_note_goes_with_the_next_key():
    assert press(replace(AT_API, note="done"), "down", ROWS).view.note == ""


@pytest.mark.parametrize(
    ("selected", "expected"), [("api:2", "api:2"), ("api:9", "api"), ("gone", "api"), ("", "api")]
)
def test_something_that_is_there_is_chosen(selected, expected):
    assert settled(View(selected=selected), ROWS).selected == expected
    assert settled(View(selected=selected), []).selected == selected


def test_each_key_is_in_the_help():
    told = " ".join(keys for keys, _ in HELP)
    for key in "rR+-s/lewqjk":
        assert key in told


def test_a_key_that_does_nothing_says_so():
    assert press(AT_API, "x", ROWS).view.note == "x does nothing; ? shows the keys"
    assert press(AT_API, "x", []).view.note == "x does nothing; ? shows the keys"
    assert press(AT_API, "enter", ROWS).view.note == ""


def test_a_key_leads_from_one_that_is_not_well_to_the_next():
    assert press(AT_API, "n", ROWS).view.selected == "web"
    assert (
        press(replace(AT_API, selected="web"), "n", [row("db", "FATAL"), *ROWS]).view.selected
        == "db"
    )
    assert press(AT_API, "n", ROWS[:3]).view == replace(AT_API, note="all well")
    assert press(AT_API, "n", []).view.note == "all well"
