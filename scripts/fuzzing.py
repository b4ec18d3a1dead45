"""The targets of scripts/fuzz: each takes any octets, and fails where the parsers break a promise.

Started with the name of a target and libFuzzer's options.
"""

import sys
from pathlib import Path

import atheris
import h11

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]
with atheris.instrument_imports(include=["webqx_supervisor"]):
    from reader import BLOCK, Reader, pieces, read

    from webqx_supervisor.core.wire.framing import ChunkedDecoder
    from webqx_supervisor.core.wire.messages import Malformed
    from webqx_supervisor.core.wire.parser import parse_request
    from webqx_supervisor.core.wire.target import parse_authority, parse_target, routing_path
    from webqx_supervisor.core.wire.writer import render_request


def cuts(octets: bytes) -> list[bytes]:
    """Cut in up to nine pieces, at places that the octets themselves choose."""
    return pieces(octets, [octet * len(octets) // 256 for octet in octets[-8:]])


def same(octets: bytes, *, request: bool) -> Reader:
    """Hold the pieces against the whole."""
    whole, split = read([octets], request=request), read(cuts(octets), request=request)
    assert whole.refused == split.refused
    assert [head for head, _ in whole.messages] == [head for head, _ in split.messages]
    assert whole.refused or whole.messages == split.messages
    return whole


def request(octets: bytes) -> None:
    """Read requests: in any pieces; what is written is read alike, by h11 too."""
    for written, _ in same(octets, request=True).messages:
        if b"\r\nHost: \r\n" in written:  # an HTTP/1.0 client named none
            continue
        head = parse_request(written)
        assert render_request(head, BLOCK).partition(b"\r\n")[0] == written.partition(b"\r\n")[0]
        reader = h11.Connection(h11.SERVER)
        reader.receive_data(written)
        event = reader.next_event()
        assert isinstance(event, h11.Request)
        assert (event.method, event.target) == (head.method, head.target)
        assert not any(octet < 32 for octet in written.replace(b"\r\n", b"").replace(b"\t", b""))


def answer(octets: bytes) -> None:
    """Read answers: in any pieces."""
    for written, _ in same(octets, request=False).messages:
        assert written.count(b"\r\n\r\n") == 1


def chunks(octets: bytes) -> None:
    """Read a chunked body: in any pieces."""
    assert decoded([octets]) == decoded(cuts(octets))


def decoded(parts: list[bytes]) -> tuple[bytes, bytes, bool] | None:
    """Return payload, rest, and whether that is all; None: malformed."""
    decoder = ChunkedDecoder()
    try:
        payload = b"".join([decoder.receive(part) for part in parts])
    except Malformed:
        return None
    return payload, decoder.rest, decoder.done


def target(octets: bytes) -> None:
    """Read a target and a host: the path to route by is normal, and never climbs."""
    visible = bytes(octet for octet in octets if 0x20 < octet < 0x7F and octet != 0x23)
    if not visible:
        return
    try:
        origin, path, authority = parse_target(b"OPTIONS", visible)
        host = parse_authority(authority or octets)
    except Malformed:
        return
    assert origin == b"*" or (origin[:1] == b"/" and routing_path(path.encode()) == path)
    assert not {".", ".."} & set(path.split("/"))
    assert host == host.lower()


TARGETS = {each.__name__: each for each in (request, answer, chunks, target)}

if __name__ == "__main__":
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()
