"""Alerts by a whole daemon: to a web server, and as a person asks for them."""

import json
import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import helpers
import pytest
import trustme


@pytest.fixture
def web():
    """A receiver; it refuses as often as `refusals` says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked += 1
            good = server.refusals == 0
            server.refusals -= not good
            if good:
                server.got.append(body)
            self.send_response(200 if good else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.asked, server.refusals = [], 0, 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def alerts(web, rules='[[alerts.rules]]\non = "down"\nfor = "0s"\n'):
    return f'[alerts]\ntogether = "100ms"\n[alerts.to.hook]\nwebhook = "{web.url}/hook"\n{rules}'


def told(web):
    """Return (status, condition, subject) of all that was told."""
    rows = [row for body in list(web.got) for row in body["alerts"]]
    return [(row["status"], row["condition"], row["subject"]) for row in rows]


ONCE = "instances = 1\n[services.api.restart]\npolicy = 'never'\n"


def test_down_is_told_and_that_it_is_over(project, web):
    project.service(more=ONCE + alerts(web)).cli("start")
    os.kill(project.pids()[0], signal.SIGKILL)
    helpers.until(lambda: ("firing", "down", "api") in told(web))
    shown = project.cli("alerts")
    assert "firing" in shown
    assert "api  down: " in shown
    project.cli("restart")
    helpers.until(lambda: ("resolved", "down", "api") in told(web), 40)
    assert told(web) == [("firing", "down", "api"), ("resolved", "down", "api")]
    assert "nothing is wrong" in project.cli("alerts")
    events = project.cli("events")
    assert "alert  down: " in events
    assert "alert_over  down: " in events


def test_who_does_not_answer_is_tried_again_also_by_the_next_daemon(project, web):
    web.refusals = 1000
    project.service(more=ONCE + alerts(web)).cli("start")
    os.kill(project.pids()[0], signal.SIGKILL)
    helpers.until(lambda: web.asked)
    helpers.until(lambda: "answered 503" in project.cli("alerts"))
    os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    web.refusals = 0
    helpers.until(lambda: told(web), 40)
    assert told(web) == [("firing", "down", "api")]


def test_a_stop_by_hand_is_no_alert_and_a_crash_loop_is(project, web):
    crash = f"{sys.executable} -c 'raise SystemExit(7)'"
    rules = '[[alerts.rules]]\non = "crash_loop"\n[[alerts.rules]]\non = "down"\nfor = "0s"\n'
    services = (
        f'[services.bad]\ncommand = "{crash}"\n[services.bad.restart]\nfirst_delay = "10ms"\n'
    )
    project.service(more=services + alerts(web, rules)).run("start")
    helpers.until(lambda: ("firing", "crash_loop", "bad:1") in told(web))
    project.all_running(2)
    helpers.until(lambda: "api  down" not in project.cli("alerts"), 40)
    before = told(web).count(("firing", "down", "api"))  # for 0 s: that it starts is one
    project.cli("stop", "api")
    project.cli("stop", "bad")
    helpers.until(lambda: ("resolved", "crash_loop", "bad:1") in told(web), 40)
    assert told(web).count(("firing", "down", "api")) == before


def test_a_rule_is_about_services_as_commands_name_them(project, web):
    rules = '[[alerts.rules]]\non = "down"\nfor = "0s"\nservices = ["backend", "w?b"]\n'
    others = "".join(
        f'[services.{name}]\ncommand = "sleep 600"\nrestart.policy = "never"\n{more}\n'
        for name, more in (("jobs", 'group = "backend"'), ("web", ""), ("other", ""))
    )
    project.service(more=others + alerts(web, rules)).cli("start")
    for name in ("api", "other", "jobs", "web"):
        os.kill(project.pids(name)[0], signal.SIGKILL)
    helpers.until(lambda: len(told(web)) >= 2, 40)
    assert sorted(told(web)) == [("firing", "down", "jobs"), ("firing", "down", "web")]


def test_a_certificate_that_ends_is_no_services(project, web):
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=3))
    issued.private_key_pem.write_to_path(project.folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(project.folder / "cert.pem")
    dashboard = '[daemon.dashboard]\ncertificate = "cert.pem"\nkey = "key.pem"\n'
    project.service(more=dashboard + alerts(web, '[[alerts.rules]]\non = "certificate"\n'))
    project.cli("start")
    helpers.until(lambda: told(web))
    assert told(web) == [("firing", "certificate", str(project.folder / "cert.pem"))]
    assert "the certificate ends in " in web.got[0]["text"]
    (event,) = [each for each in project.events() if each["kind"] == "alert"]
    assert (event["service"], event["instance"]) == ("", 0)


def test_a_test_says_who_was_reached(project, web):
    more = '[alerts.to.nobody]\nwebhook = "http://127.0.0.1:1/x"\n'
    project.service(more=alerts(web, "") + more).cli("start")
    assert "hook: told" in project.cli("alerts", "test", "hook")
    assert "this is a test" in web.got[0]["text"]
    said = project.cli("alerts", "test", code=1)
    assert "nobody: 127.0.0.1: ConnectError" in said
    assert "could not be told: nobody" in said
    assert "there is: hook, nobody" in project.cli("alerts", "test", "x", code=4)


def test_without_receivers_it_says_so(project):
    project.service().cli("start")
    assert "no receiver" in project.cli("alerts")


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ('[alerts.to.x]\nwebhook = "hello"', "alerts.to.x.webhook", "wanted an address"),
        ("[alerts.to.x]", "alerts.to.x", "wanted one of"),
        ('[alerts.to.x]\nemail = "a@b"', "alerts.to.x", "needs `smtp`"),
        (
            '[alerts.to.x]\nntfy = "http://x/y"\ntoken = "abc"',
            "alerts.to.x.token",
            "in this file",
        ),
        ('[[alerts.rules]]\non = "dwn"', "alerts.rules[0].on", "down"),
        ('[[alerts.rules]]\non = "memory"', "alerts.rules[0]", "needs a `limit`"),
        ('[[alerts.rules]]\non = "disk"\nlimit = "14d"', "alerts.rules[0]", "%"),
        ('[[alerts.rules]]\non = "down"\nto = ["x"]', "alerts.rules[0].to", "no receiver `x`"),
        (
            '[[alerts.rules]]\non = "down"\nservices = ["api", "w*"]',
            "alerts.rules[0].services",
            "no service matches 'w*'; there is: api",
        ),
        (
            'slo = { availability = "99%", min_errors = 3 }',
            "services.api.slo",
            "only with `errors`",
        ),
    ],
)
def test_what_is_wrong_is_named(project, text, key, said):
    project.service(more=text)
    printed = project.cli("check", code=78)
    assert said in printed
    assert key in printed
    assert "abc" not in printed
