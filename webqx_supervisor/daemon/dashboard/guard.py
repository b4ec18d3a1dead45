"""What a browser may have: nothing, before it was let in and for pages that are not ours."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from webqx_supervisor.control.server import Call, Page, Reply, Stream
from webqx_supervisor.core import browsing
from webqx_supervisor.daemon.dashboard import assets
from webqx_supervisor.daemon.dashboard.sessions import LIFE, Sessions

COOKIE = "webqx-sv"
API = "/api"
LIVE = f"{API}/live"
LOOKS = ("/status", "/describe", "/events", "/logs", "/why")
"""Verbs of the control API that a page may ask."""
ORDERS = ("/start", "/stop", "/restart", "/reload", "/scale", "/pause", "/resume")
"""Those that it may give, for what it names: no name could mean everything."""
FIELDS = (
    b"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    b"connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'\r\n"
    b"X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
    b"Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n"
    b"Cross-Origin-Resource-Policy: same-origin\r\n"
)
"""What every answer says to browsers. Source: OWASP Secure Headers, Fetch (CORP), HTML (COOP)."""
LET_IN = "`webqx-sv dashboard` prints an address that lets you in"
_NOT_KEPT = b"Cache-Control: no-store\r\n"


@dataclass(frozen=True, slots=True)
class Guard:
    """Answers for a door; `ours` are its authorities, `ask` gets what is let through."""

    sessions: Sessions
    ours: frozenset[str]
    secure: bool
    ask: Callable[[Call], Awaitable[Reply | Stream | Page]]
    live: Callable[[], Stream]

    def methods(self, path: str) -> tuple[str, ...]:
        """Return the methods that a path takes."""
        verb = path.removeprefix(API) if path.startswith(API) else ""
        if verb in ORDERS or path == "/logout":
            return ("POST",)
        return ("GET",) if verb in LOOKS or path in (LIVE, "/login", *assets.pages()) else ()

    async def answer(self, call: Call) -> Reply | Stream | Page:
        """Answer, if the request comes from a page of ours in a browser that was let in."""
        problem = browsing.problem(
            call.method,
            call.field(b"host"),
            call.field(b"origin"),
            call.field(b"sec-fetch-site"),
            self.ours,
            "https" if self.secure else "http",
        )
        if problem:
            return _refusal(403, problem)
        if call.path == "/login":
            return self._log_in(call.query.get("code", ""))
        token = browsing.cookie(call.field(b"cookie"), COOKIE)
        if not self.sessions.knows(token):
            return _refusal(401, LET_IN)
        if call.path == "/logout":
            self.sessions.end(token)
            return Reply({"in": False})
        return await self._serve(call)

    def _log_in(self, code: str) -> Page:
        """Return a cookie and the way to the page for a good code."""
        token = self.sessions.admit(code)
        if token is None:
            return _refusal(401, f"this address has been used, or is too old; {LET_IN}")
        secure = "; Secure" if self.secure else ""
        kept = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={LIFE:.0f}{secure}"
        # Not a redirect: a cookie that is SameSite=Strict would not come with it.
        fields = f"Refresh: 0; url=/\r\nSet-Cookie: {kept}\r\n".encode() + _NOT_KEPT
        return Page(b"welcome\n", "text/plain; charset=utf-8", extra=fields)

    async def _serve(self, call: Call) -> Reply | Stream | Page:
        if call.path in assets.pages():
            return assets.pages()[call.path]
        if call.path == LIVE:
            return self.live()
        verb = call.path.removeprefix(API)
        if verb in ORDERS and not _names_something(call.body):
            return _refusal(400, "name a service")
        return await self.ask(replace(call, path=verb))


def _names_something(body: Any) -> bool:
    keys = ("services", "service", "route")
    return isinstance(body, dict) and any(body.get(key) for key in keys)


def _refusal(status: int, text: str) -> Page:
    return Page(f"{text}\n".encode(), "text/plain; charset=utf-8", status, _NOT_KEPT)
