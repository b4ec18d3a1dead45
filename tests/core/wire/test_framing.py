import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.wire import framing
from webqx_supervisor.core.wire.framing import LAST_CHUNK, ChunkedDecoder, encode_chunk
from webqx_supervisor.core.wire.messages import Malformed


def decoded(pieces):
    """Feed the pieces; return (payload, rest), or None where the body is not whole."""
    decoder = ChunkedDecoder()
    payload = b"".join([decoder.receive(piece) for piece in pieces])
    return (payload, decoder.rest) if decoder.done else None


def octets(body):
    return [body[at : at + 1] for at in range(len(body))]


@pytest.mark.parametrize(
    ("body", "payload", "rest"),
    [
        (b"0\r\n\r\n", b"", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello", b""),
        (b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", b"hello!", b""),
        (b"a\r\n0123456789\r\n0\r\n\r\nGET", b"0123456789", b"GET"),
        (b"A\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n\r\n\r\n\r\n", b""),
        (b"0000000000000001\r\na\r\n000\r\n\r\n", b"a", b""),
        (b'1;a;b=c;d="e;f"\r\nx\r\n0;g\r\n\r\n', b"x", b""),
        (b"1 ;a\r\nx\r\n0\r\n\r\n", b"x", b""),
        (b"1\r\nx\r\n0\r\nContent-Length: 9\r\nHost: a\r\n\r\n", b"x", b""),
        (b"1;" + b"e" * 255 + b"\r\nx\r\n0\r\n\r\n", b"x", b""),
    ],
)
def test_payload_comes_out_without_framing_extensions_and_trailers(body, payload, rest):
    assert decoded([body]) == (payload, rest)
    assert decoded(octets(body)) == (payload, rest)


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n",
        b"g\r\n",
        b"+1\r\nx\r\n",
        b"-1\r\nx\r\n",
        b"0x1\r\nx\r\n",
        b"1_0\r\nx\r\n",
        b" 1\r\nx\r\n",
        b"1 \r\nx\r\n",
        b";a\r\n",
        b"1\nx\r\n0\r\n\r\n",
        b"1\rx\r\n0\r\n\r\n",
        b"1\r\nxy\r\n0\r\n\r\n",
        b"1\r\nx\n0\r\n\r\n",
        b"1\r\nx0\r\n\r\n",
        b"2\r\nx\r\n0\r\n\r\n",
        b"00000000000000001\r\nx\r\n",
        b"fffffffffffffffff\r\n",
        b"ffffffffffffffff\r\n",
        b"20000000000000\r\n",
        b"1;a\x00b\r\nx\r\n",
        b"1;a\x07b\r\nx\r\n",
        b"1;a\rb\r\nx\r\n",
        b"1;a\nb\r\nx\r\n",
        b"1;\x7f\r\nx\r\n",
        b"1;" + b"e" * 256 + b"\r\nx\r\n",
        b"1;" + b"e" * 9999,
        (b"1;" + b"e" * 200 + b"\r\nx\r\n") * 21,
        b"0\r\nno colon\r\n\r\n",
        b"0\r\nname : value\r\n\r\n",
        b"0\r\na: b\n\r\n",
        b"0\r\n folded: b\r\n\r\n",
        b"0\r\na: \x00\r\n\r\n",
        b"0\r\n\n",
        b"0\r\n" + b"a: b\r\n" * 3000,
        b"0\r\na: " + b"b" * framing.TRAILER_LIMIT,
    ],
)
def test_wrong_framing_is_refused(body):
    for pieces in ([body], octets(body)):
        with pytest.raises(Malformed) as refusal:
            decoded(pieces)
        assert refusal.value.status == 400


@pytest.mark.parametrize(
    "body", [b"", b"5", b"5\r", b"5\r\nhell", b"5\r\nhello", b"0\r\n", b"0\r\n\r"]
)
def test_a_truncated_body_is_never_done(body):
    assert decoded([body]) is None


def test_a_piece_inside_a_chunk_is_passed_on_uncopied():
    decoder = ChunkedDecoder()
    decoder.receive(b"100000\r\n")
    piece = bytes(1000)
    assert decoder.receive(piece) is piece


def test_what_follows_the_end_is_gathered_as_rest():
    decoder = ChunkedDecoder()
    decoder.receive(b"0\r\n\r\nGET")
    assert decoder.receive(b" /") == b""
    assert decoder.rest == b"GET /"


BODIES = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


@given(st.data(), BODIES, st.binary(max_size=8))
def test_any_split_gives_the_payload_of_the_whole(data, chunks, rest):
    body = b"".join(map(encode_chunk, chunks)) + LAST_CHUNK + rest
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=10).map(sorted))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert decoded(pieces) == decoded([body]) == (b"".join(chunks), rest)


@given(st.lists(st.sampled_from([b"1", b"0", b"\r\n", b"\n", b"\r", b";a", b"x", b": "])))
def test_bytes_one_by_one_end_as_the_whole_does(pieces):
    body = b"".join(pieces)

    def outcome(parts):
        try:
            return decoded(parts)
        except Malformed:
            return "refused"

    assert outcome(octets(body)) == outcome([body])


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_arbitrary_octets_raise_nothing_but_a_refusal(pieces):
    with contextlib.suppress(Malformed):
        decoded(pieces)


def test_a_chunk_is_its_size_in_hex_and_its_octets():
    assert encode_chunk(bytes(255)) == b"ff\r\n" + bytes(255) + b"\r\n"


def test_no_data_is_no_chunk_because_an_empty_one_would_end_the_body():
    assert encode_chunk(b"") == b""


@given(st.data(), BODIES, st.binary(max_size=8))
def test_another_decoder_can_go_on_anywhere_before_the_end(data, chunks, rest):
    body = b"".join(map(encode_chunk, chunks)) + b"0\r\nA: b\r\n\r\n"
    at = data.draw(st.integers(0, len(body) - 1))
    first, second = ChunkedDecoder(), ChunkedDecoder()
    payload = first.receive(body[:at])
    second.restore(first.state())
    payload += second.receive(body[at:] + rest)
    assert (payload, second.rest, second.done) == (b"".join(chunks), rest, True)


@pytest.mark.parametrize(
    "limited", [b";" + b"x" * 200, b"A: " + b"b" * (framing.TRAILER_LIMIT - 9)]
)
def test_it_goes_on_with_the_limits_as_well(limited):
    before, after = ChunkedDecoder(), ChunkedDecoder()
    if limited.startswith(b";"):
        once = b"1" + limited + b"\r\nx\r\n"
        piece = once * (framing.EXTENSIONS_LIMIT // len(limited))
    else:
        piece, once = b"0\r\n" + limited + b"\r\n", b"C: 123456\r\n"
    before.receive(piece)
    after.restore(before.state())
    with pytest.raises(Malformed):
        after.receive(once)
