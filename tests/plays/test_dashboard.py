"""The dashboard in a real browser: Debian's Chromium, driven by Playwright."""

import os
import re
import signal
import threading
from contextlib import contextmanager

import helpers
import httpx
import pytest
from browser import CHROMIUM, needs_browser
from playwright.sync_api import expect, sync_playwright

pytestmark = needs_browser
expect.set_options(timeout=30_000)


class Visit:
    """A page of the project's dashboard, and all that it asked for and complained of."""

    def __init__(self, project, browser, **context):
        self.hosts, self.complaints = set(), []
        self.page = browser.new_context(**context).new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("request", lambda request: self.hosts.add(httpx.URL(request.url).netloc))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.url = project.cli("dashboard", "--print").strip()
        self.page.goto(self.url)
        expect(self.page.get_by_text("live", exact=True)).to_be_visible()

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest.fixture
def visit(project):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield lambda **context: Visit(project, browser, **context)
        browser.close()


@contextmanager
def asking(url, failures):
    """Ask all the time, each time by a new connection; note what went wrong."""
    done = threading.Event()

    def ask():
        while not done.is_set():
            try:
                status = httpx.get(url, timeout=20).status_code
            except httpx.HTTPError as error:
                failures.append(repr(error))
            else:
                if status != 200:
                    failures.append(status)

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        done.set()
        for client in clients:
            client.join()


def test_a_killed_worker_turns_red_and_green_again(project, visit):
    # One that needs a moment, so that a person could see it.
    project.service(more="instances = 1\n[services.api.restart]\nfirst_delay = '3s'").cli("start")
    seen = visit()
    row = seen.page.locator("tr[data-service=api]")
    expect(row.get_by_text("RUNNING")).to_be_visible()
    expect(row).not_to_have_class("ill")
    (pid,) = project.pids()
    # The first restart is immediate; only one that dies at once again has to wait.
    os.kill(pid, signal.SIGKILL)
    helpers.until(lambda: project.pids() not in ([pid], [None]))
    os.kill(project.pids()[0], signal.SIGKILL)
    expect(row.get_by_text("BACKOFF")).to_be_visible()
    expect(row).to_have_class("ill")
    expect(seen.page.get_by_text("api not well")).to_be_visible()
    expect(row.get_by_text("RUNNING")).to_be_visible()
    expect(row).not_to_have_class("ill")
    expect(seen.page.get_by_text("all well")).to_be_visible()
    assert seen.complaints == []


def test_a_reload_from_the_page_loses_no_request(project, visit):
    project.service().cli("start")
    seen, failures = visit(), []
    before = set(project.pids())
    with asking(project.url, failures):
        seen.page.get_by_role("button", name="Reload api").click()
        seen.page.get_by_role("button", name="Reload", exact=True).last.click()
        expect(seen.page.get_by_text("reload api: done")).to_be_visible()
    assert not before & set(project.pids())
    assert failures == []


def test_a_service_is_scaled_stopped_and_started_with_the_keyboard(project, visit):
    project.service().cli("start")
    page = visit().page
    page.get_by_role("link", name="api").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="One worker more").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Have 3 of api?")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("tr[data-worker='api:3']").get_by_text("RUNNING")).to_be_visible()
    stop = page.get_by_role("button", name=re.compile("^Stop"))
    stop.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Stop api?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Stop api?")).to_be_hidden()
    assert len(project.pids()) == 3
    stop.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Stop").press("Enter")
    expect(page.get_by_text("STOPPED").first).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).press("Enter")
    expect(page.get_by_text("start api: done")).to_be_visible()
    project.all_running(3)


def test_logs_follow_and_filter_and_deaths_show_their_evidence(project, visit):
    project.service().cli("start")
    seen = visit()
    page = seen.page
    page.get_by_role("link", name="api").click()
    log = page.get_by_label("Log of api")
    expect(log).to_contain_text("listening")
    page.get_by_label("Filter of the log").fill("no such line")
    expect(log).to_have_text("")
    page.get_by_label("Filter of the log").fill("LISTENING")
    expect(log).to_contain_text("api:1")
    os.kill(project.pids()[0], signal.SIGKILL)
    page.get_by_role("tab", name="Deaths").click()
    expect(page.get_by_role("article")).to_contain_text("SIGKILL")
    page.get_by_role("tab", name="Deaths").press("ArrowLeft")
    expect(page.get_by_role("tab", name="Events")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel")).to_contain_text("exited")
    assert seen.complaints == []


def test_the_page_outlives_the_daemon(project, visit):
    project.service().cli("start")
    page = visit().page
    os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
    expect(page.get_by_text("no answer from the daemon")).to_be_visible()
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    project.cli("upgrade")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    expect(page.locator("tr[data-service=api]").get_by_text("RUNNING")).to_be_visible()


@pytest.mark.parametrize(
    "context",
    [
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
        {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    ],
    ids=["phone", "desk"],
)
def test_it_fits_the_screen_and_asks_no_other_host(project, visit, context):
    project.service().cli("start")
    seen = visit(**context)
    page = seen.page
    dark = context["color_scheme"] == "dark"
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", back)[:3])) < 60) == dark
    page.get_by_role("link", name="api").click()
    expect(page.get_by_role("img", name="Requests per second: now")).to_be_visible()
    expect(page.locator("tr[data-worker='api:2']").get_by_text("RUNNING")).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= context["viewport"]["width"]
    assert page.locator(".wide").evaluate("(table) => table.scrollWidth <= table.clientWidth")
    assert page.evaluate("scrollY") == 0  # the line that says what is not well is in sight
    assert seen.hosts == {httpx.URL(seen.url).netloc}
    assert seen.complaints == []


def test_nobody_else_gets_in(project, visit):
    project.service().cli("start")
    url = httpx.URL(project.cli("dashboard", "--print").strip())
    origin = f"http://{url.netloc.decode()}"
    for path in ("/", "/api/status", "/login?code=x"):
        assert httpx.get(origin + path).status_code == 401
    evil = httpx.get(url, headers={"Host": f"evil.example:{url.port}"})
    assert evil.status_code == 403
    with httpx.Client() as browser:
        assert browser.get(url).status_code == 200
        assert browser.get(f"{origin}/api/status").status_code == 200
        foreign = {"Origin": "http://evil.example"}
        order = browser.post(f"{origin}/api/stop", json={"services": ["api"]}, headers=foreign)
        assert order.status_code == 403
        everything = browser.post(f"{origin}/api/stop", json={}, headers={"Origin": origin})
        assert everything.status_code == 400
    project.all_running(2)


def test_it_can_be_switched_off_and_a_wrong_address_is_told(project):
    project.service(more="[daemon]\ndashboard = false").cli("start")
    assert "switched off" in project.cli("dashboard", "--print", code=1)
    project.service(more='[daemon]\ndashboard = "0.0.0.0:9090"')
    said = project.cli("check", code=78)
    assert "needs a `certificate`" in said
    assert "daemon.dashboard" in said
    port = project.listen + 1
    project.service(more=f"[daemon]\ndashboard = {port}").cli("apply")
    assert f"http://127.0.0.1:{port}/login" in project.cli("dashboard", "--json")


def test_what_was_before_the_page_was_opened_is_seen(project, visit):
    project.service(more='slo = { errors = "1%" }').cli("start")
    helpers.until(lambda: httpx.get(project.url) and latest(project), 40)
    helpers.until(lambda: "errors" in project.cli("slo"), 40)
    seen = visit()
    page = seen.page
    row = page.locator("tr[data-service=api]")
    expect(row.locator("[data-title=p99]")).to_contain_text("ms")
    page.get_by_role("link", name="api").click()
    workers = page.locator("tr[data-worker='api:1'], tr[data-worker='api:2']")
    for title in ("p50", "p99"):
        figure = workers.locator(f"[data-title={title}]").filter(has_text="ms")
        expect(figure.first).to_be_visible()
    expect(workers.locator("[data-title='5xx/s']").first).to_have_text("0")
    answers = page.get_by_role("img", name="Time of an answer: now")
    expect(answers).to_have_attribute("aria-label", re.compile(r"p50 [\d.]+ ms, p99 [\d.]+ ms"))
    legend = answers.locator(".u-legend")
    expect(legend).to_contain_text(re.compile(r"Time\s*now"))
    expect(legend).to_contain_text(re.compile(r"p50\s*[\d.]+ ms"))
    expect(page.get_by_text("errors, wanted 99 %")).to_be_visible()
    expect(page.get_by_text("100 % reached")).to_be_visible()
    page.get_by_label("How far back").select_option("24 hours")
    expect(page.get_by_role("img", name="Requests per second: now all")).to_be_visible()
    assert seen.complaints == []


def test_a_chart_has_a_gap_where_nobody_has_looked(project, visit):
    project.service().cli("start")
    page = visit().page
    part = "async (points) => (await import('/charts.js')).parted(points)"
    every = [{"at": at, "span": span} for at, span in ((10, 10), (20, 10), (21, 1), (22, 1))]
    assert page.evaluate(part, every) == every
    later = {"at": 60, "span": 10}
    assert page.evaluate(part, [every[0], later]) == [every[0], {"at": 35, "empty": True}, later]


@pytest.mark.parametrize(
    ("at", "step", "expected"),
    [
        ("2026-11-26T14:30:05", 5, "14:30:05"),
        ("2026-11-26T14:30:00", 300, "14:30"),
        ("2026-11-26T00:00:00", 21600, "Nov 26"),
        ("2026-11-26T00:00:00", 604800, "Nov 26"),
        ("2026-11-26T01:00:00", 604800, "Nov 26"),  # summer time has ended in between
    ],
)
def test_a_tick_says_the_day_where_days_lie_between(project, visit, at, step, expected):
    project.service().cli("start")
    page = visit(locale="en-US").page
    told = "async ([at, step]) => (await import('/words.js')).tick(new Date(at) / 1000, step)"
    assert page.evaluate(told, [at, step]) == expected


def test_memory_is_marked_at_round_numbers(project, visit):
    project.service().cli("start")
    page = visit().page
    page.get_by_role("link", name="api").click()
    drawn = """async () => {
        const { Chart } = await import('/charts.js');
        const { bytes } = await import('/words.js');
        const chart = new Chart(document.getElementById('main'), 'x', [['m', 'm']], bytes, 2 ** 20);
        chart.show([{at: 1, span: 1, m: 57e6}, {at: 2, span: 1, m: 56e6}]);
        await new Promise(requestAnimationFrame);
        return chart.plot.axes[1]._values;
    }"""
    assert page.evaluate(drawn)[:3] == ["0 B", "16.0 MB", "32.0 MB"]


@pytest.mark.parametrize("width", [390, 900, 1120])
def test_a_reason_without_a_space_does_not_widen_the_page(project, visit, width):
    reason = "/no/such/folder" * 20
    project.service(f"{reason}/program", more="instances = 1").cli("start", code=1)
    page = visit(viewport={"width": width, "height": 900}).page
    page.get_by_role("link", name="api").click()
    expect(page.locator("[data-title=Remarks]")).to_contain_text("/no/such/folder")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_where_there_is_nothing_it_says_so(project, visit):
    project.service().cli("start")
    project.cli("stop", "api")
    page = visit().page
    page.get_by_role("link", name="api").click()
    expect(page.get_by_text("It has no workers now.")).to_be_visible()
    expect(page.locator("table.cards")).to_be_hidden()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("tr[data-worker='api:1']").get_by_text("RUNNING")).to_be_visible()
    expect(page.get_by_text("It has no workers now.")).to_be_hidden()


def latest(project):
    (service,) = project.status()["services"]
    return service["latest"] and service["latest"]["requests"]
