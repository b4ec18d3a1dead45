"""The examples run as they are, but for their ports, and do what they say."""

import contextlib
import gzip
import json
import os
import re
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import helpers
import httpx
import pytest
import websockets.sync.client
from browser import Site, needs_browser
from project import APPS, ROOT

EXAMPLES = ROOT / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/services.toml"))
PORTS = {"3000": 0, "3001": 4, "3011": 8, "3012": 9}
"""Where the ports of an example are in a project's block of them."""


@pytest.fixture
def example(project):
    """Start an example by its name; give its project."""

    def start(name, **changes):
        shutil.copytree(EXAMPLES, project.folder / "examples")
        project.folder = project.folder / "examples" / name
        project.file = project.folder / "services.toml"
        text = project.file.read_text()
        for old, new in changes.items():
            text = text.replace(old.replace("_", "."), new)
        ports = re.compile(r"(?<![0-9])(?:{})(?![0-9])".format("|".join(PORTS)))
        project.write(ports.sub(lambda port: str(project.listen + PORTS[port[0]]), text))
        project.cli("start")
        return project

    return start


def test_there_is_an_example_of_everything_in_their_list():
    listed = re.findall(r"^\| \[([a-z-]+)\]", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == NAMES


def get(project, path="/", **fields):
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return httpx.get(project.url + path, headers=headers)


def test_routing(example):
    project = example("routing")
    assert "Front end" in get(project).text
    assert get(project, "/some/place/in/it").text == get(project).text
    assert get(project, "/app.js").headers["content-type"].startswith("text/javascript")
    assert get(project, "/api/users?x=1").json()["path"] == "/users?x=1"
    assert get(project, "/api/users", X_Version="beta").json()["service"] == "beta"
    assert get(project, "/users/7/photos/1.png").json()["path"] == "/users/7/photos/1.png"
    moved = get(project, "/a?b", Host="www.example.com")
    assert (moved.status_code, moved.headers["location"]) == (308, "https://example.com/a?b")
    assert get(project, "/robots.txt").text == "User-agent: *\nDisallow: /api/\n"
    assert httpx.post(project.url + "/", headers={"Accept": "text/html"}).text.count("405") == 2


def test_who_may_ask(example):
    project = example("who-may-ask")
    ada = httpx.BasicAuth("ada", "correct horse")
    billing = {"X-API-Key": "key-of-the-billing-job"}
    assert get(project, "/admin/").status_code == 401
    assert get(project, "/admin/").headers["www-authenticate"].startswith("Basic ")
    for path, asked in (
        ("/admin/", {"auth": ada}),
        ("/jobs/", {"headers": billing}),
        ("/both/", {"auth": ada}),
        ("/both/", {"headers": billing}),
        ("/members/", {"headers": {"Cookie": "ticket=ada"}}),
    ):
        user = "billing" if asked.get("headers") is billing else "ada"
        assert httpx.get(project.url + path, **asked).json()["headers"]["x-user"] == user
    assert get(project, "/jobs/", X_API_Key="guessed").status_code == 401
    sent_away = get(project, "/members/x", X_User="root")
    assert (sent_away.status_code, sent_away.headers["location"]) == (
        302,
        "/login?to=%2Fmembers%2Fx",
    )


def test_rate_limits(example):
    project = example("rate-limits")
    with httpx.Client(headers={"X-API-Key": "a"}) as client:  # quicker than 5 a second anywhere
        assert [client.get(project.url).status_code for _ in range(10)] == [200] * 10
        refused = helpers.until(
            lambda: (answer := client.get(project.url)).status_code == 429 and answer
        )
    assert int(refused.headers["retry-after"]) >= 1
    assert get(project, X_API_Key="b").status_code == 200
    assert [get(project, "/login").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert httpx.post(project.url, content=b"x" * 100_000).status_code == 413
    with ThreadPoolExecutor(8) as pool:
        at_once = [pool.submit(get, project, "/slow") for _ in range(8)]
        assert {200, 429} == {each.result().status_code for each in at_once}
        delayed = [pool.submit(get, project, "/report") for _ in range(4)]
        assert {each.result().status_code for each in delayed} == {200}


def test_failover(example):
    project = example("failover")
    assert get(project).json()["service"] == "api"
    assert get(project, "/elsewhere/x").json()["service"] == "standby"
    assert get(project, "/fail").status_code == 500
    # Once a breaker has opened, what fails at the other worker is tried again at the backup.
    answer = helpers.until(lambda: (last := get(project, "/fail")).status_code == 200 and last)
    assert answer.json()["service"] == "standby"
    assert "breaker_opened" in project.cli("events", "-n", "1000")
    project.cli("stop", "api")
    assert get(project).json()["service"] == "standby"


def test_headers(example):
    project = example("headers")
    answer = get(project, X_Debug="1")
    got = answer.json()["headers"]
    assert got["x-deployment"] == "home"
    assert "x-debug" not in got
    assert got["forwarded"].startswith("for=127.0.0.1;")
    assert got["x-request-id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", got["traceparent"])
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "worker;dur=" in answer.headers["server-timing"]


def test_guards(example):
    project = example("guards")
    assert get(project, "/admin/").status_code == 200
    assert get(project, "/internal/").status_code == 403
    assert httpx.post(project.url, content=b"x" * 20_000).status_code == 413
    with httpx.stream("GET", project.url + "/words", headers={"Accept-Encoding": "gzip"}) as words:
        packed = b"".join(words.iter_raw())
    assert gzip.decompress(packed).startswith(b"word word")
    assert len(packed) < 300


def chat(socket):
    """Talk until the other side has enough."""
    while True:
        socket.send("still there?")
        socket.recv(timeout=30)


def test_live_channels(example):
    project = example("live-channels")
    with (
        httpx.stream("GET", project.url + "/events", timeout=30) as answer,
        websockets.sync.client.connect(project.url.replace("http", "ws") + "/ws") as socket,
    ):
        events = answer.iter_lines()
        first = next(line for line in events if line.startswith("data"))
        project.cli("reload")  # both stay with the old worker for its two seconds
        last = first
        with contextlib.suppress(httpx.RemoteProtocolError):
            for line in events:
                last = line if line.startswith("data") else last
        assert json.loads(last[6:])["worker"] == json.loads(first[6:])["worker"]
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            chat(socket)
    assert closed.value.rcvd.code == 1012


def form(page):
    """Return the address and the hidden fields of the form of a page."""
    action = re.search(r'action="([^"]+)"', page.text)[1]
    hidden = re.findall(r'name="([^"]+)" value="([^"]*)"', page.text)
    return page.url.join(action), dict(hidden)


@pytest.mark.skipif(not (APPS / "node_modules").is_dir(), reason="needs what npm installs")
def test_openid(example, project):
    (project.folder / "node_modules").symlink_to(APPS / "node_modules")
    project = example("openid")
    app, issuer = project.url, f"http://127.0.0.1:{project.listen + PORTS['3001']}"
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(app + "/login")
        assert str(page.url).startswith(f"{issuer}/interaction/")
        action, fields = form(page)
        page = browser.post(action, data=fields | {"login": "ada", "password": "x"})
        action, fields = form(page)
        page = browser.post(action, data=fields)
        said = page.json()
        assert (str(page.url), said["sub"], said["iss"]) == (app + "/me", "ada", issuer)
        visited = {(step.url.scheme, step.url.host) for step in page.history}
        assert visited == {("http", "127.0.0.1")}


VISIT = """
    const page = document.createElement('script');
    window.API_BASE_URL = '%(api)s';
    document.body.insertAdjacentHTML('beforeend', '<form id="login"></form><pre id="said"></pre>');
    const {login, me, echo, events} = await import('/page.js');
    const outcome = (promise) => promise.catch((error) => ({error: String(error)}));
    const stranger = await outcome(me(''));
    const wrong = await outcome(login('ada@example.com', 'guess'));
    const {status, token} = await outcome(login('ada@example.com', 'correct horse'));
    return {
        stranger, wrong: wrong.status, status,
        me: await outcome(me(token)), echo: await outcome(echo('hello')),
        events: await outcome(events(3)),
    };
"""


@needs_browser
def test_github_pages(example, tmp_path):
    script = EXAMPLES / "github-pages" / "site" / "page.js"
    with Site(VISIT, files={"/page.js": script.read_text()}) as site:
        project = example("github-pages", **{"http://localhost:8000": site.origin})
        site.fill(api=project.url)
        seen = site.visit(tmp_path)
        assert seen["stranger"]["status"] == 401
        assert (seen["wrong"], seen["status"]) == (401, 200)
        assert json.loads(seen["me"]["body"])["user"] == "ada@example.com"
        assert seen["echo"] == "hello"
        assert [event["user"] for event in seen["events"]] == ["ada@example.com"] * 3
        asked = [True, True, False]
        helpers.until(lambda: [each["requests"] > 0 for each in project.workers("auth")] == asked)
        workers = project.workers("auth")
        for worker in workers[:2]:
            os.kill(worker["pid"], signal.SIGKILL)
        assert get(project, "/health/").status_code == 200


@needs_browser
def test_a_page_elsewhere_than_github_pages_gets_nothing(example, tmp_path):
    script = EXAMPLES / "github-pages" / "site" / "page.js"
    with Site(VISIT, files={"/page.js": script.read_text()}) as site:
        project = example("github-pages")
        site.fill(api=project.url)
        seen = site.visit(tmp_path)
    assert "error" in seen["stranger"]
    assert "error" in seen["me"]
