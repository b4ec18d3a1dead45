"""What a browser may have of the door."""

import re

import pytest

from webqx_supervisor.control.server import Call, Page, Reply, Stream
from webqx_supervisor.core.browsing import authorities
from webqx_supervisor.daemon.dashboard.assets import pages
from webqx_supervisor.daemon.dashboard.guard import COOKIE, FIELDS, LOOKS, ORDERS, Guard
from webqx_supervisor.daemon.dashboard.sessions import Sessions

HOST = b"127.0.0.1:9090"
ORIGIN = b"http://" + HOST


@pytest.fixture
def asked():
    return []


@pytest.fixture
def guard(tmp_path, asked):
    async def ask(call):
        asked.append(call)
        return Reply({"ok": True})

    sessions = Sessions(tmp_path / "sessions.json")
    return Guard(sessions, authorities(9090), False, ask, lambda: Stream("text/event-stream", None))


def call(guard, method, path, body=None, *, known=True, **fields):
    named = {"host": HOST, **({"origin": ORIGIN} if method == "POST" else {})}
    if known:
        token = guard.sessions.admit(guard.sessions.invite())
        named["cookie"] = f"{COOKIE}={token}".encode()
    named |= fields
    lines = [(name.replace("_", "-").encode(), value) for name, value in named.items()]
    return Call(method, path, {}, body, 0, lines)


async def test_who_was_let_in_gets_page_and_api(guard, asked):
    page = await guard.answer(call(guard, "GET", "/"))
    assert (page.status, page.content_type) == (200, "text/html; charset=utf-8")
    assert isinstance(await guard.answer(call(guard, "GET", "/api/live")), Stream)
    assert await guard.answer(call(guard, "GET", "/api/status")) == Reply({"ok": True})
    await guard.answer(call(guard, "POST", "/api/reload", {"services": ["api"]}))
    assert [(each.path, each.body) for each in asked] == [
        ("/status", None),
        ("/reload", {"services": ["api"]}),
    ]


@pytest.mark.parametrize("path", ["/", "/app.js", "/api/status", "/api/live", "/logout"])
async def test_who_was_not_let_in_gets_nothing(guard, asked, path):
    method = guard.methods(path)[0]
    for cookie in (b"", f"{COOKIE}=x".encode()):
        answer = await guard.answer(call(guard, method, path, known=False, cookie=cookie))
        assert isinstance(answer, Page)
        assert answer.status == 401
    assert asked == []


async def test_a_code_gives_a_cookie_that_scripts_and_other_sites_never_have(guard):
    code = guard.sessions.invite()
    for expected in (200, 401):
        answer = await guard.answer(
            Call("GET", "/login", {"code": code}, None, 0, [(b"Host", HOST)])
        )
        assert answer.status == expected
        if expected == 200:
            assert re.search(
                rb"Set-Cookie: webqx-sv=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; ",
                answer.extra,
            )
        else:
            assert b"Set-Cookie" not in answer.extra


@pytest.mark.parametrize(
    "fields",
    [
        {"host": b"evil.example:9090"},
        {"origin": b"http://evil.example"},
        {"sec_fetch_site": b"cross-site"},
        {"origin": b""},
    ],
)
async def test_other_sites_give_no_orders_even_with_the_cookie(guard, asked, fields):
    answer = await guard.answer(call(guard, "POST", "/api/stop", {"services": ["api"]}, **fields))
    assert answer.status == 403
    assert asked == []


@pytest.mark.parametrize("body", [None, {}, {"services": []}, [], "api"])
@pytest.mark.parametrize("verb", ORDERS)
async def test_an_order_names_what_it_is_for(guard, asked, verb, body):
    answer = await guard.answer(call(guard, "POST", f"/api{verb}", body))
    assert answer.status == 400
    assert asked == []


async def test_who_leaves_is_not_known_any_more(guard):
    leaving = call(guard, "POST", "/logout")
    assert await guard.answer(leaving) == Reply({"in": False})
    assert (await guard.answer(leaving)).status == 401


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/", ("GET",)),
        ("/login", ("GET",)),
        ("/api/logs", ("GET",)),
        ("/api/stop", ("POST",)),
        ("/stop", ()),
        ("/status", ()),
        ("/api/upgrade", ()),
        ("/api/apply", ()),
        ("/api/dashboard", ()),
        ("/api", ()),
        ("/../secret", ()),
        ("/uplot-LICENSE", ()),
    ],
)
def test_only_what_is_listed_is_there(guard, path, methods):
    assert guard.methods(path) == methods


def test_no_page_has_anything_from_elsewhere_or_inline():
    for path, page in pages().items():
        text = page.content.decode()
        if "uplot" in path:
            continue  # not ours; the policy holds it as well
        found = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", re.sub(r"(?m)^\s*//.*$", "", text))
        assert [each for each in found if "www.w3.org" not in each] == [], path
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=\"|style=\"|innerHTML", text), path


def test_every_answer_forbids_scripts_frames_and_sources_of_others():
    policy = FIELDS.decode()
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert set(LOOKS).isdisjoint(ORDERS)
