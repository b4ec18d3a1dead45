import tomllib
from datetime import UTC, date, datetime, time

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.config.lines import dotted, key_lines


def paths_of(value, path=()):
    """All paths of what tomllib made, the root left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from paths_of(inner, (*path, key))


def test_every_kind_of_key_has_its_line():
    text = '''\
top = 1 # [not.a.table]

[services.api]
command = """
port = 1
[x]"""
env.A = "1"
env."B \\" C" = '#'
list = [
  1, # one = 1
  { x = 2, y.z = 3 },
  [
    4]]
[[routes]]
path = "/"
[[routes]]
service = "a"
  [ routes . deep ]
  key = 1979-05-27 07:32:00
'''
    assert {dotted(path): line for path, line in key_lines(text).items()} == {
        "top": 1,
        "services": 3,
        "services.api": 3,
        "services.api.command": 4,
        "services.api.env": 7,
        "services.api.env.A": 7,
        'services.api.env."B \\" C"': 8,
        "services.api.list": 9,
        "services.api.list[0]": 10,
        "services.api.list[1]": 11,
        "services.api.list[1].x": 11,
        "services.api.list[1].y": 11,
        "services.api.list[1].y.z": 11,
        "services.api.list[2]": 12,
        "services.api.list[2][0]": 13,
        "routes": 14,
        "routes[0]": 14,
        "routes[0].path": 15,
        "routes[1]": 16,
        "routes[1].service": 17,
        "routes[1].deep": 18,
        "routes[1].deep.key": 19,
    }


def test_a_table_has_the_line_of_its_own_header_though_a_part_of_it_came_first():
    text = "[a.b]\nx = 1\n[a]\ny = 2\n"
    assert key_lines(text)[("a",)] == 3


@pytest.mark.parametrize(
    "value",
    [
        '""',
        "''",
        '""""""',
        '"\\""',
        '"\\\\"',
        "'\\'",
        '"""a\\"""b\n"""',
        '""""a"""""',
        "''''a'''''",
        '"""\\\\"""',
        "[]",
        "{}",
        "[ # ]\n]",
        '[ "]", \'[\', """,\n""", ]',
        "[[], [{}], {a = [1, 2]}]",
        "{ a.b = { 'c' = 1 }, d = '}' }",
        "1979-05-27T07:32:00Z",
        "1979-05-27 07:32:00",
        "[07:32:00,\n1979-05-27 07:32:00 ]",
        "-inf",
        "0x_f".replace("_", ""),
        "1e5 # x = [",
    ],
)
def test_the_key_behind_a_value_is_found(value):
    text = f"first = {value}\n\nlast = 1"
    assert set(key_lines(text)) == set(paths_of(tomllib.loads(text)))
    assert key_lines(text)[("last",)] == text.count("\n") + 1


def test_windows_line_ends_and_an_empty_text_are_no_trouble():
    assert key_lines("a = 1\r\n\r\n[b]\r\nc = 2\r\n") == {
        ("a",): 1,
        ("b",): 3,
        ("b", "c"): 4,
    }
    assert key_lines("") == {}
    assert key_lines("# nothing") == {}


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)
atoms = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.just(datetime(2026, 11, 23, 21, 9, tzinfo=UTC))
    | st.just(date(2026, 11, 23))
    | st.just(time(21, 9))
)
values = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=4), st.booleans())
def test_the_paths_are_those_that_tomllib_finds(tables, multiline):
    text = tomli_w.dumps(tables, multiline_strings=multiline)
    assert set(key_lines(text)) == set(paths_of(tomllib.loads(text)))


@given(st.dictionaries(texts, values, min_size=1, max_size=4))
def test_the_line_of_a_plain_key_begins_with_it(tables):
    text = tomli_w.dumps({f"key-{n}": value for n, value in enumerate(tables.values())})
    rows = text.split("\n")
    for path, line in key_lines(text).items():
        if len(path) == 1:
            assert path[0] in rows[line - 1]
