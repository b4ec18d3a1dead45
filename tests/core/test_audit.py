"""The chain: what follows on what, and everything that can be done to it."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core import audit
from webqx_supervisor.core.audit import Mark, Place, Verifier

KEY = bytes(range(32))
OTHER = bytes(32)


def chain(count, key=None, before=None, **begin):
    """Return the lines of one file, without their ends, and how far that comes."""
    mark, lines = before or Mark(), []
    first = {"kind": "begin", "key": audit.key_id(key), **begin}
    for fields in (first, *({"kind": "test", "what": f"n{at}"} for at in range(1, count))):
        line, mark = audit.link(fields, mark, key)
        lines.append(line[:-1])
    return lines, mark


def verify(*files, keys=(), marks=(), keyed=False):
    verifier = Verifier({audit.key_id(key): key for key in keys}, marks)
    for number, lines in enumerate(files, 1):
        verifier.begin_file()
        for at, line in enumerate(lines, 1):
            verifier.take(Place(f"file{number}", at), line)
    return [str(each) for each in verifier.finish(keyed=keyed) if each.wrong]


def test_anybody_can_recompute_a_hash():
    line, mark = audit.link({"kind": "a"}, Mark(4, "ab" * 32), None)
    body, _, _ = line.decode().rpartition(',"hash":"')
    assert hashlib.sha256(body.encode()).hexdigest() == mark.hash == json.loads(line)["hash"]
    assert json.loads(line) == {"seq": 5, "kind": "a", "prev": "ab" * 32, "hash": mark.hash}
    line, mark = audit.link({"kind": "a"}, Mark(), KEY)
    body = line.rpartition(b',"hash":"')[0]
    assert hmac.new(KEY, body, "sha256").hexdigest() == mark.hash


@pytest.mark.parametrize("key", [None, KEY])
def test_what_was_not_touched_is_right(key):
    lines, mark = chain(5, key)
    more, _ = chain(3, key, mark)
    assert verify(lines, more, keys=[KEY], keyed=key is not None) == []


@pytest.mark.parametrize("key", [None, KEY])
@given(data=st.data())
def test_one_octet_that_was_changed_is_found_in_its_line(key, data):
    lines, mark = chain(5, key)
    at = data.draw(st.integers(0, 4))
    place = data.draw(st.integers(0, len(lines[at]) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda each: each != lines[at][place]))
    lines[at] = lines[at][:place] + bytes([octet]) + lines[at][place + 1 :]
    found = verify(lines, keys=[KEY], marks=[mark], keyed=key is not None)
    assert found
    # A hash that was changed shows in the line, or in the one that follows on it.
    assert any(each.startswith((f"file1:{at + 1}:", f"file1:{at + 2}:")) for each in found) or (
        "anchored" in found[0]
    )


@given(st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_records_that_are_gone_are_counted(first, count, keyed):
    key = KEY if keyed else None
    lines, mark = chain(8, key)
    gone = lines[:first] + lines[first + count :]
    (found,) = verify(gone, keys=[KEY], marks=[mark])
    if first + count < 8:
        last = first + count
        numbers = f"{first + 1} to {last}" if count > 1 else f"{last}"
        assert found == (
            f"file1:{first + 1}: records are missing before record {last + 1}: {numbers}"
        )
    else:
        assert found == f"records {first + 1} to 8 have been there and are missing"


@given(st.permutations(range(1, 6)))
def test_no_other_order_passes(order):
    lines, mark = chain(6)
    moved = [lines[0], *(lines[each] for each in order)]
    assert bool(verify(moved, marks=[mark])) == (list(order) != sorted(order))


def test_a_record_that_was_rewritten_with_its_hash_does_not_fit():
    lines, _ = chain(4)
    forged, _ = audit.link({"kind": "forged"}, Mark(1, audit.read(lines[0]).hash), None)
    lines[1] = forged[:-1]
    text = "record 3 does not follow on record 2: one of the two was changed"
    assert verify(lines) == [f"file1:3: {text}"]


def test_without_the_key_nobody_goes_on_with_a_chain():
    lines, mark = chain(3, KEY)
    forged, _ = audit.link({"kind": "forged"}, mark, None)
    assert verify([*lines, forged[:-1]], keys=[KEY]) == [
        "file1:4: record 4 was changed: its hash is another"
    ]


def test_a_whole_new_chain_needs_the_key_as_well():
    forged, mark = chain(5)
    assert verify(forged, keys=[KEY], keyed=True) == [
        "the last file is under no key, though one is in use"
    ]
    with pytest.raises(ValueError, match="changed"):
        audit.read_head(audit.head({}, mark, None), KEY)


def test_where_a_key_comes_or_goes_is_told_of():
    plain, mark = chain(2)
    keyed, mark = chain(2, KEY, mark)
    again, _ = chain(2, None, mark)
    verifier = Verifier({audit.key_id(KEY): KEY})
    for number, lines in enumerate((plain, keyed, again), 1):
        verifier.begin_file()
        for line in lines:
            verifier.take(Place(f"file{number}", 1), line)
    assert [(str(each), each.wrong) for each in verifier.finish(keyed=False)] == [
        ("file2:1: up to here the chain is under no key", False),
        ("file3:1: from here on the chain is under no key", False),
    ]


def test_a_file_under_an_unknown_key_is_named():
    lines, _ = chain(2, OTHER)
    assert verify(lines, keys=[KEY]) == [
        f"file1:1: the file is under the key {audit.key_id(OTHER)}, which is not at hand"
    ]


def test_a_beginning_that_is_gone_needs_a_record_of_its_removal():
    lines, mark = chain(3)
    more, end = chain(2, None, mark)
    assert verify(more) == [
        "file2:1: records 1 to 3 are missing, and no later record tells of their removal".replace(
            "file2", "file1"
        )
    ]
    told, _ = audit.link({"kind": "removed", "through": 3, "last": mark.hash}, end, None)
    assert verify([*more, told[:-1]]) == []
    assert verify(lines, [*more, told[:-1]]) == []  # told of, not yet done


def test_an_anchor_finds_a_chain_that_was_made_anew():
    lines, _ = chain(4)
    _, mark = chain(4, None, None, other="one")
    assert verify(lines, marks=[mark]) == [
        "file1:4: record 4 is another than the one that was anchored"
    ]


@pytest.mark.parametrize("line", [b"", b"x", b"{}", b'{"seq":1}', b"\xff" * 200, b"[" * 5000])
def test_what_is_no_record_is_said_to_be_none(line):
    lines, _ = chain(3)
    assert [each[:22] for each in verify([lines[0], line, lines[2]])] == ["file1:2: is no record:"]


def test_a_head_says_how_far_a_chain_has_come():
    mark, fields = audit.read_head(audit.head({"size": 7}, Mark(9, "ab" * 32), KEY), KEY)
    assert mark == Mark(9, "ab" * 32)
    assert fields["size"] == 7
