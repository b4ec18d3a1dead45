import re

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.process.lines import LONGEST_LINE, TAIL_BYTES, LineBuffer, stamp

NOON = 1795521600.123  # 2026-11-24T12:00:00.123Z


@given(st.lists(st.binary(max_size=40).map(lambda chunk: chunk.replace(b"\0", b"\n"))))
def test_any_split_gives_the_same_lines(chunks):
    whole, pieces = LineBuffer(), LineBuffer()
    expected = whole.feed(b"".join(chunks)) + whole.flush()
    assert b"".join([pieces.feed(chunk) for chunk in chunks]) + pieces.flush() == expected
    assert pieces.tail() == whole.tail()


def test_only_whole_lines_come_out():
    lines = LineBuffer()
    assert lines.feed(b"one\ntw") == b"one\n"
    assert lines.feed(b"o") == b""
    assert lines.feed(b"\n") == b"two\n"
    assert lines.flush() == b""


def test_a_last_line_without_an_end_gets_one():
    lines = LineBuffer()
    assert lines.feed(b"end") == b""
    assert lines.flush() == b"end\n"


def test_an_endless_line_is_broken():
    lines = LineBuffer()
    come = lines.feed(b"x" * (3 * LONGEST_LINE + 1))
    assert come == (b"x" * LONGEST_LINE + b"\n") * 3
    assert lines.flush() == b"x\n"


def test_the_tail_holds_whole_lines_and_the_begun_one():
    lines = LineBuffer()
    lines.feed(b"".join(b"line %d\n" % number for number in range(10_000)) + b"begun")
    tail = lines.tail()
    assert tail[-2:] == ["line 9999", "begun"]
    assert all(re.fullmatch(r"line \d{4}", line) for line in tail[:-1])
    assert TAIL_BYTES - 10 <= sum(len(line) + 1 for line in tail[:-1]) <= TAIL_BYTES


def test_a_tail_that_is_not_utf_8_is_shown_all_the_same():
    lines = LineBuffer()
    lines.feed(b"caf\xe9\n")
    assert lines.tail() == ["caf\N{REPLACEMENT CHARACTER}"]


def test_each_line_is_stamped():
    assert stamp(b"a\n\nb\n", "out", NOON) == (
        b"2026-11-24T12:00:00.123Z out a\n"
        b"2026-11-24T12:00:00.123Z out \n"
        b"2026-11-24T12:00:00.123Z out b\n"
    )


def test_no_lines_need_no_stamp():
    assert stamp(b"", "err", NOON) == b""


def test_whole_lines_are_masked_before_anything_is_kept_of_them():
    lines = LineBuffer(lambda octets: octets.replace(b"secret", b"***"))
    assert lines.feed(b"a sec") == b""
    assert lines.tail() == ["a sec"]
    assert lines.feed(b"ret b\nc secret") == b"a *** b\n"
    assert lines.tail() == ["a *** b", "c ***"]
    assert lines.flush() == b"c ***\n"
