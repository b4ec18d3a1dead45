"""Reach receivers: a real HTTP server, a real mail server, real commands."""

import json
import ssl
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import helpers
import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Inbox
from aiosmtpd.smtp import AuthResult

from webqx_supervisor.core.alerting.alarms import Finding, Notice, Turn
from webqx_supervisor.core.alerting.forms import Message
from webqx_supervisor.daemon.alerts.tell import NotTold, said, tell
from webqx_supervisor.model.alerts import Condition, Means, Receiver, Security, Smtp

MESSAGE = Message(
    "clinic", (Notice(Turn.BEGINS, Finding(Condition.DOWN, "api", "no worker äöü"), 0.0, 0.0),)
)


aiosmtpd_leaves_connections = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
"""Those of clients that break off a handshake are closed by nobody but the collector."""


@pytest.fixture
def web():
    """An HTTP server that keeps what it gets, and answers with `status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Letters(Inbox):
    def __init__(self):
        super().__init__()
        self.got = []

    def handle_message(self, message):
        self.got.append(message)


@contextmanager
def mail_server(**more):
    letters = Letters()
    port = helpers.free_ports()
    controller = Controller(letters, hostname="127.0.0.1", port=port, **more)
    controller.start()
    try:
        yield port, letters
    finally:
        controller.stop()


async def test_a_webhook_gets_json_and_the_token(web, tmp_path):
    secret = tmp_path / "token"
    secret.write_text("s3cret\n")
    receiver = Receiver("hook", Means.WEBHOOK, f"{web.url}/x?y", token=f"file:{secret}")
    await tell(receiver, MESSAGE)
    ((path, headers, body),) = web.got
    assert (path, headers["Authorization"]) == ("/x?y", "Bearer s3cret")
    assert body["alerts"][0]["text"] == "no worker äöü"


@pytest.mark.parametrize(
    ("means", "path", "key"),
    [
        (Means.SLACK, "/services/x", "text"),
        (Means.DISCORD, "/api/webhooks/x", "content"),
        (Means.NTFY, "/topic", "message"),
    ],
)
async def test_others_get_their_own_form(web, means, path, key):
    await tell(Receiver("r", means, web.url + path), MESSAGE)
    ((at, _, body),) = web.got
    assert "no worker äöü" in body[key]
    assert at == ("/" if means is Means.NTFY else path)
    assert body.get("topic") == ("topic" if means is Means.NTFY else None)


async def test_an_address_may_be_kept_in_a_file_and_is_not_told(web, tmp_path):
    address = tmp_path / "address"
    address.write_text(f"{web.url}/secret-path\n")
    receiver = Receiver("r", Means.SLACK, f"file:{address}")
    await tell(receiver, MESSAGE)
    web.status = 403
    with pytest.raises(NotTold, match=r"^127\.0\.0\.1 answered 403$"):
        await tell(receiver, MESSAGE)
    address.write_text("http://127.0.0.1:1/secret-path")
    with pytest.raises(NotTold, match=r"127\.0\.0\.1: ConnectError") as caught:
        await tell(receiver, MESSAGE)
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize("place", ["file:/nowhere/at/all", "env:NO_SUCH_VARIABLE"])
async def test_a_place_that_holds_nothing_is_named(place):
    with pytest.raises(NotTold, match=r"nowhere|NO_SUCH_VARIABLE"):
        said(place)


async def test_mail_reaches_a_real_server(tmp_path):
    with mail_server() as (port, letters):
        smtp = Smtp("127.0.0.1", port, Security.NONE, sender="sv@example.com")
        await tell(Receiver("m", Means.EMAIL, "me@example.com", smtp=smtp), MESSAGE)
    (letter,) = letters.got
    assert letter["Subject"] == "[clinic] ALERT api down"
    assert (letter["From"], letter["To"]) == ("sv@example.com", "me@example.com")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert "no worker äöü" in letter.get_payload(decode=True).decode()


@aiosmtpd_leaves_connections
async def test_mail_is_sent_over_tls_with_a_password(tmp_path, monkeypatch):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    password = tmp_path / "password"
    password.write_text("right\n")

    def authenticate(_server, _session, _envelope, _mechanism, data):
        good = (data.login, data.password) == (b"me", b"right")
        return AuthResult(success=good, handled=False)

    more = {"tls_context": context, "require_starttls": True, "auth_required": True}
    with mail_server(authenticator=authenticate, **more) as (port, letters):
        smtp = Smtp("127.0.0.1", port, Security.STARTTLS, "me", f"file:{password}", "me@x.org")
        receiver = Receiver("m", Means.EMAIL, "me@x.org", smtp=smtp)
        await tell(receiver, MESSAGE)
        assert len(letters.got) == 1
        password.write_text("wrong")
        with pytest.raises(NotTold, match=r"127\.0\.0\.1: SMTPAuthenticationError"):
            await tell(receiver, MESSAGE)
        plain = replace(receiver, smtp=replace(smtp, security=Security.NONE, user=""))
        with pytest.raises(NotTold, match=r"127\.0\.0\.1: "):
            await tell(plain, MESSAGE)
    with pytest.raises(NotTold, match=r"127\.0\.0\.1: ConnectionRefusedError"):
        await tell(receiver, MESSAGE)


@aiosmtpd_leaves_connections
async def test_a_certificate_that_nobody_vouches_for_is_not_trusted():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with mail_server(tls_context=context) as (port, letters):
        smtp = Smtp("127.0.0.1", port, Security.STARTTLS, sender="me@x.org")
        with pytest.raises(NotTold, match="CERTIFICATE_VERIFY_FAILED"):
            await tell(Receiver("m", Means.EMAIL, "me@x.org", smtp=smtp), MESSAGE)
    assert letters.got == []


async def test_a_command_gets_the_message_twice(tmp_path):
    said = tmp_path / "said"
    program = (
        f"import json, os, sys; f = open({str(said)!r}, 'w');"
        "json.dump([json.load(sys.stdin)['title'], os.environ['WEBQX_SV_ALERT_TITLE']], f)"
    )
    await tell(Receiver("c", Means.COMMAND, command=(sys.executable, "-c", program)), MESSAGE)
    assert json.loads(said.read_text()) == ["[clinic] ALERT api down"] * 2


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ((sys.executable, "-c", "raise SystemExit(3)"), "ended with 3"),
        (("/no/such/program",), "cannot be run"),
    ],
)
async def test_a_command_that_fails_is_told(command, said):
    with pytest.raises(NotTold, match=said):
        await tell(Receiver("c", Means.COMMAND, command=command), MESSAGE)


async def test_a_command_that_hangs_is_killed_with_all_it_started(tmp_path, autojump_clock):
    pid = tmp_path / "pid"
    program = (
        "import os, subprocess, time; child = subprocess.Popen(['sleep', '600']);"
        f"open({str(pid)!r} + '.new', 'w').write(str(child.pid));"
        f"os.rename({str(pid)!r} + '.new', {str(pid)!r}); time.sleep(600)"
    )
    del autojump_clock
    receiver = Receiver("c", Means.COMMAND, command=(sys.executable, "-c", program))
    with pytest.raises(NotTold, match="not done within"):
        await tell(receiver, MESSAGE)
