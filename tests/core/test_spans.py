"""core/spans.py: what is told of a request, in the words of OpenTelemetry's conventions."""

from dataclasses import replace

import pytest
from opentelemetry.semconv.attributes import (
    client_attributes,
    error_attributes,
    http_attributes,
    network_attributes,
    server_attributes,
    url_attributes,
    user_agent_attributes,
)

from webqx_supervisor.core import spans
from webqx_supervisor.core.spans import ABANDONED, CLIENT_GONE, CUT, TIMEOUT, Attempt, Request
from webqx_supervisor.core.wire.headers import forwarded_block
from webqx_supervisor.core.wire.parser import parse_request

TRACE, OWN, FIRST = "a" * 32, "b" * 16, "c" * 16
ATTEMPT = Attempt(
    span=FIRST,
    worker="api:1@7",
    host="127.0.0.1",
    port=4000,
    method=b"GET",
    target=b"/v1/a?b=c",
    retries=0,
    began=1.5,
    ended=2.0,
    status=200,
)


def request(line: str = "GET /a?secret=1 HTTP/1.1", *fields: str, **more: object) -> Request:
    octets = "\r\n".join([line, "Host: example.org:8080", *fields, "", ""]).encode("latin-1")
    head = parse_request(octets)
    asked = Request(
        trace=TRACE,
        span=OWN,
        parent="",
        route="/a",
        service="api",
        head=head,
        target=head.target,
        forwarded=forwarded_block("192.0.2.1", "https"),
        client="192.0.2.1",
        request_id="7-1",
        began=1.0,
        ended=2.0,
        status=200,
        sent=5,
    )
    return replace(asked, **more)


def test_a_request_is_told_as_the_conventions_have_it():
    (span,) = spans.spans(request("GET /a?secret=1 HTTP/1.1", "User-Agent: curl/8"), 1_000_000.0)
    attributes = span.pop("attributes")
    assert span == {
        "trace": TRACE,
        "span": OWN,
        "parent": "",
        "kind": "server",
        "name": "GET /a",
        "begin": 1_000_001_000_000_000,
        "end": 1_000_002_000_000_000,
        "error": "",
    }
    assert attributes == {
        http_attributes.HTTP_REQUEST_METHOD: "GET",
        http_attributes.HTTP_ROUTE: "/a",
        http_attributes.HTTP_RESPONSE_STATUS_CODE: 200,
        url_attributes.URL_SCHEME: "https",
        url_attributes.URL_PATH: "/a",
        server_attributes.SERVER_ADDRESS: "example.org",
        server_attributes.SERVER_PORT: 8080,
        client_attributes.CLIENT_ADDRESS: "192.0.2.1",
        network_attributes.NETWORK_PROTOCOL_VERSION: "1.1",
        user_agent_attributes.USER_AGENT_ORIGINAL: "curl/8",
        "http.response.body.size": 5,
        "webqx.service": "api",
        "webqx.request_id": "7-1",
    }


def test_an_attempt_is_its_child():
    own, attempt = spans.spans(request(attempts=[ATTEMPT]), 0.0)
    assert (attempt["trace"], attempt["parent"], attempt["span"]) == (TRACE, own["span"], FIRST)
    assert (attempt["kind"], attempt["name"]) == ("client", "GET")
    assert (attempt["begin"], attempt["end"]) == (1_500_000_000, 2_000_000_000)
    assert attempt["attributes"] == {
        http_attributes.HTTP_REQUEST_METHOD: "GET",
        http_attributes.HTTP_RESPONSE_STATUS_CODE: 200,
        url_attributes.URL_FULL: "http://127.0.0.1:4000/v1/a",
        server_attributes.SERVER_ADDRESS: "127.0.0.1",
        server_attributes.SERVER_PORT: 4000,
        network_attributes.NETWORK_PROTOCOL_VERSION: "1.1",
        "webqx.worker": "api:1@7",
    }


def test_a_second_attempt_says_that_it_is_one():
    again = replace(ATTEMPT, retries=1, host="::1")
    attributes = spans.spans(request(attempts=[ATTEMPT, again]), 0.0)[2]["attributes"]
    assert attributes[http_attributes.HTTP_REQUEST_RESEND_COUNT] == 1
    assert attributes[url_attributes.URL_FULL] == "http://[::1]:4000/v1/a"


@pytest.mark.parametrize(
    ("status", "fault", "reason", "kind", "error"),
    [
        (404, "", "", None, ""),
        (503, "", "no worker", "503", "no worker"),
        (500, "", "", "500", "500"),
        (200, CUT, "the worker died", CUT, "the worker died"),
        (0, CLIENT_GONE, "the client went away", CLIENT_GONE, ""),
    ],
)
def test_what_is_the_servers_fault_is_an_error(status, fault, reason, kind, error):
    (span,) = spans.spans(request(status=status, fault=fault, reason=reason), 0.0)
    assert span["attributes"].get(error_attributes.ERROR_TYPE) == kind
    assert span["error"] == error


@pytest.mark.parametrize(
    ("status", "fault", "reason", "kind", "error"),
    [
        (404, "", "", "404", "404"),
        (302, "", "", None, ""),
        (0, TIMEOUT, "no answer in 30 s", TIMEOUT, "no answer in 30 s"),
        (0, ABANDONED, "", ABANDONED, ""),
    ],
)
def test_what_a_worker_says_against_it_is_an_error_of_the_attempt(
    status, fault, reason, kind, error
):
    attempt = replace(ATTEMPT, status=status, fault=fault, reason=reason)
    span = spans.spans(request(attempts=[attempt]), 0.0)[1]
    assert span["attributes"].get(error_attributes.ERROR_TYPE) == kind
    assert span["attributes"].get("http.response.status_code") == (status or None)
    assert span["error"] == error


def test_a_method_of_a_clients_own_makes_no_new_name():
    (span,) = spans.spans(request("PURGE-42 /a HTTP/1.1"), 0.0)
    assert span["name"] == "HTTP /a"
    assert span["attributes"]["http.request.method"] == "_OTHER"
    assert span["attributes"]["http.request.method_original"] == "PURGE-42"


def test_long_values_are_cut():
    agent = "a" * 5000
    (span,) = spans.spans(
        request(f"GET /{'p' * 5000} HTTP/1.1", f"User-Agent: {agent}", reason="r" * 5000), 0.0
    )
    texts = [each for each in span["attributes"].values() if isinstance(each, str)]
    assert max(map(len, texts)) == spans.LONGEST
