"""Where frames end, whatever pieces they come in."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.wire.websocket import CloseCode, FrameFollower, close_frame


def frame(opcode: int, size: int, *, masked: bool) -> bytes:
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, mask_bit | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, mask_bit | 127, size)
    return head + (b"mask" if masked else b"") + bytes(size)


frames = st.lists(
    st.builds(
        frame,
        st.sampled_from([0, 1, 2, 9, 10]),
        st.sampled_from([0, 1, 125, 126, 127, 65535, 65536]),
        masked=st.booleans(),
    ),
    max_size=4,
)


@given(frames, st.lists(st.integers(0, 200_000), max_size=6))
def test_between_frames_is_exactly_where_frames_end(whole, cuts):
    octets, ends, at = b"".join(whole), {0}, 0
    for each in whole:
        at += len(each)
        ends.add(at)
    follower, before = FrameFollower(), 0
    for cut in sorted({min(cut, len(octets)) for cut in cuts} | {len(octets)}):
        follower.feed(octets[before:cut])
        assert follower.between_frames == (cut in ends)
        follower = FrameFollower(*follower.state()[:2], closed=follower.state()[2])
        before = cut
    assert not follower.closed


@given(frames, frames)
def test_a_close_frame_is_noticed(before, after):
    follower = FrameFollower()
    follower.feed(b"".join(before))
    follower.feed(close_frame(1000, masked=False)[:2])
    assert follower.closed
    follower.feed(close_frame(1000, masked=False)[2:] + b"".join(after))
    assert follower.closed


def test_octet_by_octet_is_as_well():
    octets = frame(1, 300, masked=True) + frame(2, 70_000, masked=False)
    follower = FrameFollower()
    ends = []
    for at in range(len(octets)):
        follower.feed(octets[at : at + 1])
        if follower.between_frames:
            ends.append(at + 1)
    assert ends == [308, len(octets)]


@pytest.mark.parametrize("masked", [False, True])
def test_a_close_frame_of_ours_is_one_frame(masked):
    octets = close_frame(CloseCode.SERVICE_RESTART, masked=masked)
    follower = FrameFollower()
    follower.feed(octets)
    assert follower.between_frames
    assert follower.closed
    assert octets[-2:] == (1012).to_bytes(2, "big")
    assert bool(octets[1] & 0x80) is masked
