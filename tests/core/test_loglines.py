"""What a line of a log says, in each form that it may have."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.loglines import (
    LEVELS,
    Entry,
    entry,
    fields,
    level,
    moment,
    readable,
    text,
)
from webqx_supervisor.model.service import LogFormat
from webqx_supervisor.process.lines import Origin, json_lines, stamp

TEXT, JSON, LOGFMT = LogFormat
AT = 1_764_000_000.123
STAMP = "2025-11-24T16:00:00.123Z"
WRITER = Origin("api", 2, 77)


@pytest.mark.parametrize("text", [b"hello", b"", b"\xff", b'{"time":"x"}', b'say "so"', b"\t\x00"])
def test_a_stored_line_says_when_where_and_what_in_either_form(text):
    plain = stamp(text + b"\n", "err", AT)
    assert entry(plain) == Entry(STAMP, "err", text)
    packed = json_lines(text + b"\n", "err", AT, WRITER)
    readable_text = text.decode("utf-8", "replace").encode()
    assert entry(packed) == Entry(STAMP, "err", readable_text, 77)
    assert moment(plain) == moment(packed) == STAMP.encode()


def test_json_lines_are_one_object_a_line():
    first, second = json_lines(b"one\ntwo\n", "out", AT, WRITER).splitlines()
    assert json.loads(first) == {
        "time": STAMP,
        "stream": "out",
        "service": "api",
        "instance": 2,
        "pid": 77,
        "line": "one",
    }
    assert json.loads(second)["line"] == "two"
    assert json_lines(b"", "out", AT, WRITER) == b""


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_file_is_read_as_something(line):
    said = entry(line)
    for form in LogFormat:
        assert level(said.text, form, said.stream) in LEVELS
        readable(said.text, form, said.stream)


@given(
    st.binary(max_size=99).map(lambda b: b.replace(b"\n", b".")), st.sampled_from(["out", "err"])
)
def test_the_text_alone_is_that_of_the_entry(said, stream):
    for line in (stamp(said + b"\n", stream, AT), json_lines(said + b"\n", stream, AT, WRITER)):
        assert text(line) == entry(line).text


@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b".")), min_size=1))
def test_json_lines_hold_every_line_once(texts):
    data = b"".join(text + b"\n" for text in texts)
    stored = json_lines(data, "out", AT, WRITER).split(b"\n")[:-1]
    assert [entry(line).text for line in stored] == [
        text.decode("utf-8", "replace").encode() for text in texts
    ]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        (TEXT, "listening", "info"),
        (TEXT, "2026-11-23 10:00:00 WARNING disk", "warn"),
        (TEXT, "INFO:     Started server", "info"),
        (TEXT, "[error] 7#7: open() failed", "error"),
        (TEXT, "Error: no database", "error"),
        (TEXT, "CRITICAL gone", "fatal"),
        (TEXT, "no error at all", "info"),
        (TEXT, "INFORMATIONS", "info"),
        (TEXT, '{"level":"error"}', "info"),
        (JSON, '{"level":"error","msg":"x"}', "error"),
        (JSON, '{"level":50}', "error"),
        (JSON, '{"level":10}', "trace"),
        (JSON, '{"level":99}', "fatal"),
        (JSON, '{"severity":"NOTICE"}', "info"),
        (JSON, '{"level":null,"levelname":"WARNING"}', "warn"),
        (JSON, "ERROR: not JSON at all", "error"),
        (LOGFMT, 'level=warn msg="a b"', "warn"),
        (LOGFMT, 'msg="level=error"', "info"),
        (LOGFMT, "lvl=DBG", "debug"),
    ],
)
def test_the_level_is_what_the_line_says(form, text, expected):
    assert level(text.encode(), form, "out") == expected


@pytest.mark.parametrize("form", LogFormat)
def test_without_a_level_the_stream_decides(form):
    assert level(b"Traceback", form, "err") == "error"
    assert level(b"hello", form, "out") == "info"


def test_logfmt_is_read_with_its_quotes():
    text = rb'at=info msg="say \"so\"" empty= path=/a?b=c flag'
    said = {"at": "info", "msg": 'say "so"', "empty": "", "path": "/a?b=c"}
    assert fields(text, LOGFMT) == said


@pytest.mark.parametrize("text", [b"[1]", b"{", b"7", b'{"a":' * 5000, b"plain"])
def test_what_is_no_json_object_has_no_fields(text):
    assert fields(text, JSON) == {}


def test_a_line_in_json_or_logfmt_is_made_readable():
    text = b'{"time":1,"level":40,"msg":"slow","ms":7,"who":"a b","at":{"x":1}}'
    assert readable(text, JSON, "out") == b'WARN  slow ms=7 who="a b" at={"x": 1}'
    assert readable(b'level=error msg="no\\nroute" n=1', LOGFMT, "out") == b"ERROR no\\nroute n=1"
    assert readable(b"plain", JSON, "out") == b"plain"
    assert readable(b"a=b", TEXT, "out") == b"a=b"
