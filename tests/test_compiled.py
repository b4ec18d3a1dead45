"""The compiled modules and their sources: which are used when, and that both say the same."""

import importlib.util
import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor import compiled
from webqx_supervisor.core.wire import lines, scan

PACKAGE = Path(compiled.__file__).parent
MADE = list(compiled.extensions(PACKAGE))
needs_compiled = pytest.mark.skipif(
    not MADE or bool(os.environ.get(compiled.PURE)), reason="nothing is compiled, or not wanted"
)

ASK = "import webqx_supervisor.net.reactor as reactor; print(reactor.__file__)"


def reactor_file(**environ: str) -> Path:
    environ = {**os.environ, **environ}
    asked = subprocess.run(
        [sys.executable, "-c", ASK], env=environ, capture_output=True, text=True, check=True
    )
    return Path(asked.stdout.strip())


def test_the_sources_are_used_when_asked_for():
    assert reactor_file(**{compiled.PURE: "1"}).name == "reactor.py"


@needs_compiled
def test_what_is_compiled_is_used_and_all_of_it():
    assert not compiled.is_stale(PACKAGE)
    assert reactor_file().name == f"reactor{EXTENSION_SUFFIXES[0]}"
    typed = {path.with_suffix("") for path in PACKAGE.rglob("*.pxd")}
    assert {path.with_name(path.name.partition(".")[0]) for path in MADE} == typed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a package with one compiled module, in a checkout."""
    package = tmp_path / "package"
    (package / "room").mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    for number, name in enumerate(["other.py", "module.py", "module.pxd"]):
        (package / "room" / name).touch()
        os.utime(package / "room" / name, (number, number))
    made = package / "room" / f"module{EXTENSION_SUFFIXES[0]}"
    made.touch()
    os.utime(made, (100, 100))
    return package


def test_what_was_compiled_last_is_fresh(checkout):
    assert not compiled.is_stale(checkout)


@pytest.mark.parametrize("name", ["module.py", "module.pxd", "module.pyx"])
def test_a_changed_source_makes_it_stale(checkout, name):
    path = checkout / "room" / name
    path.touch()
    os.utime(path, (101, 101))
    assert compiled.is_stale(checkout)


def test_a_module_that_is_not_compiled_may_change(checkout):
    os.utime(checkout / "room" / "other.py", (101, 101))
    assert not compiled.is_stale(checkout)


def test_an_installed_package_is_never_stale(checkout):
    os.utime(checkout / "room" / "module.py", (101, 101))
    (checkout.parent / "pyproject.toml").unlink()
    assert not compiled.is_stale(checkout)


def pure(name):
    """Return the module in patterns, whatever is compiled."""
    spec = importlib.util.spec_from_file_location(
        f"pure_{name}", PACKAGE / "core" / "wire" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PURE, PURE_LINES = pure("scan"), pure("lines")
NAMES = st.sampled_from(
    [
        *(
            b"Host Connection Content-Length Transfer-Encoding Upgrade Via Expect TE X-a date"
        ).split(),
        *(
            b"max-forwards x-forwarded-for X-Forwarded- x-forwarded x_real_ip a PROXY Proxy-"
        ).split(),
        *(b"x" * 31, b"x" * 32, b"x" * 33, b"X-Cluster-Client-IP", b"", b"a b", b"\xe9", b"a\0"),
    ]
)
BLANKS = st.sampled_from([b"", b" ", b"\t", b"  \t ", b"\r", b"\n", b"\0"])
VALUES = st.one_of(
    st.binary(max_size=8), st.sampled_from([b"", b"a b", b"close", b"x\ty", b"\xff"])
)
ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"", b"\r\r\n", b"\r\n "])
LINES = st.builds(
    lambda *parts: b"".join(parts), NAMES, st.just(b":") | BLANKS, BLANKS, VALUES, BLANKS, ENDS
)
FINE_LINES = st.builds(
    lambda name, before, value, after: b"%b:%b%b%b\r\n" % (name, before, value, after),
    NAMES,
    st.sampled_from([b"", b" ", b"\t "]),
    st.sampled_from([b"", b"a b", b"close", b"x\ty", b"\xff", b"1"]),
    st.sampled_from([b"", b" ", b"\t\t"]),
)
REQUEST_LINES = st.sampled_from(
    [
        *[b"GET / HTTP/1.1\r\n", b"\r\nPOST /a?b=%20 HTTP/1.0\r\n", b"a~ * HTTP/9.9\r\n"],
        *[b"\r\n\r\nGET / HTTP/1.1\r\n", b"GET /# HTTP/1.1\r\n", b"GET  / HTTP/1.1\r\n", b"GET /"],
        *[
            b"GET / HTTP/1.1\n",
            b"GET / http/1.1\r\n",
            b" / HTTP/1.1\r\n",
            b"GET / HTTP/11\r\n",
            b"",
        ],
        *[b"G\xe9T / HTTP/1.1\r\n", b"GET /\xe9 HTTP/1.1\r\n", b"GET / HTTP/1.1 \r\n", b"\r"],
    ]
)
STATUS_LINES = st.sampled_from(
    [
        *[
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.0 404\r\n",
            b"HTTP/1.9 599 \r\n",
            b"HTTP/1.1 200  \t\xff\r\n",
        ],
        *[
            b"HTTP/1.1 600 A\r\n",
            b"HTTP/1.1 099 A\r\n",
            b"HTTP/2.0 200 A\r\n",
            b"HTTP/1.1 20 A\r\n",
        ],
        *[
            b"HTTP/1.1 200 A\n",
            b"HTTP/1.1 200\tA\r\n",
            b"\r\nHTTP/1.1 200 A\r\n",
            b"HTTP/1.1 200",
            b"",
        ],
        *[
            b"HTTP/1.1 200 A\0\r\n",
            b"HTTP/1.1 2000\r\n",
            b"HTTP/1.x 200 A\r\n",
            b"HTTP/1.1  200 A\r\n",
        ],
    ]
)
REST = st.lists(FINE_LINES, max_size=8) | st.lists(LINES, max_size=4)
LAST = st.sampled_from([b"\r\n"] * 8 + [b"", b"\r", b"\n", b"\r\nx", b"\r\n\r\n"])


@needs_compiled
@given(REQUEST_LINES, REST, LAST)
def test_both_scans_read_a_request_alike(start, lines, last):
    head = start + b"".join(lines) + last
    assert scan.scan_request(head) == PURE.scan_request(head)


@needs_compiled
@given(STATUS_LINES, REST, LAST)
def test_both_scans_read_an_answer_alike(start, lines, last):
    head = start + b"".join(lines) + last
    assert scan.scan_response(head) == PURE.scan_response(head)


@needs_compiled
@given(st.binary(max_size=60))
def test_both_scans_refuse_the_same_noise(octets):
    assert scan.scan_request(octets) == PURE.scan_request(octets)
    assert scan.scan_response(octets) == PURE.scan_response(octets)


@needs_compiled
@given(st.sampled_from(["GET / HTTP/1.1\r\na: b\r\n\r\n"]), st.data())
def test_both_scans_judge_every_octet_alike(text, data):
    head = bytearray(text.encode())
    head[data.draw(st.integers(0, len(head) - 1))] = data.draw(st.integers(0, 255))
    assert scan.scan_request(bytes(head)) == PURE.scan_request(bytes(head))


@needs_compiled
@given(
    st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"a", b"\0"]), max_size=9),
    st.integers(0, 9),
    st.sampled_from([bytes, bytearray]),
)
def test_both_scans_find_the_same_end(pieces, start, kind):
    buffer = kind(b"".join(pieces))
    assert scan.find_end(buffer, start) == PURE.find_end(buffer, start)


@needs_compiled
@given(
    st.one_of(
        st.binary(max_size=4),
        st.integers(0, 10**20).map(lambda number: b"%d" % number),
        st.sampled_from([b"0" * 99 + b"7", b"9" * 5000, b"9007199254740991", b"9007199254740992"]),
    )
)
def test_both_scans_read_a_length_alike(value):
    assert scan.scan_length(value) == PURE.scan_length(value)


HEADS = st.lists(FINE_LINES | LINES, max_size=6).map(b"".join)
BEGINS = st.sampled_from(
    [b"host:", b"via:", b"x-a:", b"x-forwarded-", b"x_real_ip:", b"a", b"\xe9:"]
)


@needs_compiled
@given(HEADS, BEGINS)
def test_both_ways_to_look_for_a_field_find_the_same(head, begin):
    assert lines.values(b"GET\r\n" + head, begin) == PURE_LINES.values(b"GET\r\n" + head, begin)


@needs_compiled
@given(HEADS, st.lists(BEGINS, min_size=1, max_size=3).map(tuple))
def test_both_ways_to_look_for_beginnings_agree(head, begins):
    assert lines.begins_any(head, begins) == PURE_LINES.begins_any(head, begins)
