"""Formats of the access log; and that no request writes a line or a field that is not its own."""

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webqx_supervisor.core.accessformat import (
    VARIABLES,
    Facts,
    escaped,
    formatter,
    is_variable,
    variables,
)

HEAD = b"GET /a HTTP/1.1\r\nHost: h.example\r\nUser-Agent: %b\r\nX-A-B: c\r\n\r\n"


def facts(**known):
    usual = {
        "ended": 1_000_000_000.25,
        "seconds": 0.0123,
        "client": "192.0.2.7",
        "method": b"GET",
        "target": b"/a?b=c",
        "minor": 1,
        "block": HEAD % b"curl/8",
        "status": 200,
        "sent": 5,
        "upstream": "api:1@9",
        "request_id": "ab-1",
        "trace": "",
        "retries": 0,
        "reason": "",
        "claims": None,
    }
    return Facts(**(usual | known))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("common", '192.0.2.7 - - [09/Sep/2001:01:46:40 +0000] "GET /a?b=c HTTP/1.1" 200 5'),
        ("$time_iso8601 $msec", "2001-09-09T01:46:40.250Z 1000000000.250"),
        ("$request_method|$request_uri|$uri|$args", "GET|/a?b=c|/a|b=c"),
        ("${status}s 100% $request_time", "200s 100% 0.012"),
        ("$host $http_x_a_b $http_none", "h.example c -"),
        ("$service $upstream $retries $reason", "api api:1@9 0 -"),
        ("$request_id $trace_id $server_protocol", "ab-1 - HTTP/1.1"),
    ],
)
def test_a_line_says_what_the_format_asks_for(text, line):
    assert formatter(text)(facts()) == line + "\n"


def test_a_request_that_could_not_be_read_has_a_line_as_well():
    unread = facts(method=b"", target=b"", minor=-1, block=b"", status=400)
    line = formatter("combined")(unread)
    assert line == '192.0.2.7 - - [09/Sep/2001:01:46:40 +0000] "-" 400 5 "-" "-"\n'


def test_json_has_a_name_for_everything():
    record = json.loads(formatter("json")(facts(claims={"sub": "\u00e4\n"}, trace="t")))
    assert record["time"] == "2001-09-09T01:46:40.250Z"
    assert (record["user"], record["user_agent"], record["trace_id"]) == ("\u00e4\n", "curl/8", "t")
    assert (record["duration_ms"], record["service"]) == (12.3, "api")


hostile = st.text(st.characters(), max_size=30)
octets = st.binary(max_size=30).filter(lambda each: b"\r" not in each and b"\n" not in each)


@given(hostile, hostile, octets, octets, st.sampled_from(["common", "combined", "json"]))
@example("[", "", b"", b"", "common")  # as much of a name as any
def test_nothing_that_a_client_sends_makes_a_line_or_ends_a_field(sub, reason, agent, target, name):
    line = formatter(name)(
        facts(claims={"sub": sub}, reason=reason, block=HEAD % agent.strip(), target=target)
    )
    assert line.isascii()
    assert re.fullmatch(r"[ -~]*\n", line)
    if name == "json":
        assert json.loads(line)["reason"] == reason
    else:
        quoted = re.findall(r'"([^"]*)"', line)
        assert len(quoted) == (1 if name == "common" else 3)
        assert line.count('"') == 2 * len(quoted)
        assert re.match(r"\S+ \S+ \S+ \[09/Sep/2001:01:46:40 \+0000\] ", line)


@given(st.text())
def test_what_is_escaped_can_be_read_back(text):
    shown = escaped(text)
    if text and text != "-":
        back = re.sub(r"\\x(..)", lambda match: chr(int(match[1], 16)), shown)
        assert back.encode("latin-1").decode("utf-8", "surrogatepass") == text


@pytest.mark.parametrize("name", [*VARIABLES, "http_x", "http_user_agent"])
def test_every_variable_is_known_and_has_a_value(name):
    assert is_variable(name)
    assert formatter(f"[${name}]")(facts()).startswith("[")
    assert formatter(f"[${name}]")(facts(block=b"", method=b"", target=b"", minor=-1)) != "[]\n"


@pytest.mark.parametrize("text", ["$", "$ $status", "a $-b"])
def test_a_dollar_without_a_name_is_refused(text):
    with pytest.raises(ValueError, match="without a name"):
        variables(text)


@pytest.mark.skipif(shutil.which("goaccess") is None, reason="goaccess is not installed")
def test_goaccess_reads_combined(tmp_path):
    make = formatter("combined")
    lines = [make(facts(block=HEAD % b'a "quoted" \xff agent')) for _ in range(3)]
    log, report = tmp_path / "access.log", tmp_path / "report.json"
    log.write_text("".join(lines))
    subprocess.run(
        ["goaccess", log, "--log-format=COMBINED", "-o", report, "--no-global-config"],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    general = json.loads(report.read_text())["general"]
    assert (general["valid_requests"], general["failed_requests"]) == (3, 0)
