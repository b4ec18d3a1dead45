"""From a route of the table to the way that its requests take."""

from webqx_supervisor.core import cors, ratelimit
from webqx_supervisor.core.rewriting import location, rewritten
from webqx_supervisor.core.wire.edits import field_lines, stripper
from webqx_supervisor.model.filters import Access, Edits, Filters
from webqx_supervisor.model.gateway import FixedAnswer, Redirect, Route
from webqx_supervisor.model.telling import Telling
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.files import FilesCarrier
from webqx_supervisor.proxy.filters.access import AccessFilter
from webqx_supervisor.proxy.filters.audit import AuditFilter
from webqx_supervisor.proxy.filters.auth import auth_filters
from webqx_supervisor.proxy.filters.body import BodyFilter
from webqx_supervisor.proxy.filters.compress import CompressFilter
from webqx_supervisor.proxy.filters.cors import CorsFilter
from webqx_supervisor.proxy.filters.crowding import CrowdingFilter
from webqx_supervisor.proxy.filters.edits import EditsFilter, stripped
from webqx_supervisor.proxy.filters.limits import LimitsFilter, is_by_claim
from webqx_supervisor.proxy.filters.pages import PagesFilter
from webqx_supervisor.proxy.filters.pause import PauseFilter
from webqx_supervisor.proxy.filters.telling import (
    ForwardedFilter,
    RequestIdFilter,
    TimingFilter,
    hush,
)
from webqx_supervisor.proxy.filters.tracing import SpansFilter, TraceFilter
from webqx_supervisor.proxy.refusal import Settled
from webqx_supervisor.proxy.way import Ask, Carry, Way


def make_way(reactor: Reactor, route: Route) -> Way:
    """Build the way of a route; it may be kept for as long as the route stays the same."""
    filters, edits = route.filters, route.filters.response_headers
    names = stripped(edits)
    if filters.cors is not None:
        names += cors.STRIPPED
    if filters.telling.request_id:
        names.append(filters.telling.request_id.lower().encode())
    if filters.limits:
        names += ratelimit.SINGLE
    pause = PauseFilter(reactor, route.pause) if route.pause is not None else None
    allowed = AccessFilter(filters.access) if filters.access != Access() else None
    way = Way(
        route,
        tuple(_filters(route, pause, allowed)),
        _carry(route),
        field_lines((*edits.set, *edits.add)),
        stripper(names),
        pause.end if pause is not None else None,
    )
    if allowed is not None:
        way.allowed = allowed.allowed
    return way


def _filters(route: Route, pause: PauseFilter | None, allowed: AccessFilter | None) -> list[Ask]:
    """Return what is asked, in this order: whoever is refused is refused by the cheapest."""
    filters, telling = route.filters, route.filters.telling
    audit = AuditFilter(filters.audit, route) if filters.audit is not None else None
    first = _heard(filters, audit, pause, allowed)
    if telling.spans:
        first.insert(0, SpansFilter(route).ask)
    asked = [*_limits(filters), *auth_filters(filters.auth), *_limits_by_claim(filters)]
    if filters.compress is not None:
        asked.append(CompressFilter(filters.compress).ask)
    asked += _told_to_worker(telling)
    if filters.request_headers != Edits():
        asked.append(EditsFilter(filters.request_headers).ask)
    if route.strip_prefix or route.rewrite is not None:
        asked.append(_Rewriting(route).ask)
    if telling.server_timing:
        asked.append(TimingFilter().ask)
    if audit is not None:
        asked.append(audit.begin)
    if first or asked or _carry(route) is not None or filters.max_body is not None:
        return [*first, BodyFilter(filters.max_body).ask, *asked]
    return []


def _heard(
    filters: Filters,
    audit: AuditFilter | None,
    pause: PauseFilter | None,
    allowed: AccessFilter | None,
) -> list[Ask]:
    """Return what sees all, what says how refusals look, then who is heard at all."""
    asked: list[Ask] = []
    if audit is not None:
        asked.append(audit.ask)
    if not filters.access_log:
        asked.append(hush)
    if filters.telling.request_id:
        asked.append(RequestIdFilter(filters.telling.request_id).ask)
    if filters.error_pages:
        asked.append(PagesFilter(filters.error_pages).ask)
    if filters.cors is not None:
        asked.append(CorsFilter(filters.cors).ask)
    if allowed is not None:
        asked.append(allowed.ask)
    if pause is not None:
        asked.append(pause.ask)
    return asked


def _told_to_worker(telling: Telling) -> list[Ask]:
    asked: list[Ask] = []
    if telling.trace and not telling.spans:
        asked.append(TraceFilter().ask)
    if telling.forwarded:
        asked.append(ForwardedFilter().ask)
    return asked


def _limits(filters: Filters) -> list[Ask]:
    """Return the limits that are asked before anybody has to prove who he is."""
    asked: list[Ask] = []
    if filters.crowding is not None:
        asked.append(CrowdingFilter(filters.crowding).ask)
    limits = [each for each in filters.limits if not is_by_claim(each)]
    if limits:
        asked.append(LimitsFilter(limits).ask)
    return asked


def _limits_by_claim(filters: Filters) -> list[Ask]:
    limits = [each for each in filters.limits if is_by_claim(each)]
    return [LimitsFilter(limits).ask] if limits else []


def _carry(route: Route) -> Carry | None:
    if route.redirect is not None:
        return _Redirecting(route.redirect).carry
    if route.answer is not None:
        return _Answering(route.answer).carry
    if route.files is not None:
        return FilesCarrier(route, route.files).carry
    return None


class _Rewriting:
    """The worker sees another path than the client asked for."""

    def __init__(self, route: Route) -> None:
        self._prefix = route.path
        self._instead = route.rewrite or "/"

    def ask(self, exchange: Exchange) -> None:
        head = exchange.head
        head.target = rewritten(head.target, head.path, self._prefix, self._instead)
        if self._prefix != "/":
            prefix = self._prefix.rstrip("/").encode()
            head.kept += b"X-Forwarded-Prefix: %b\r\n" % prefix


class _Redirecting:
    def __init__(self, redirect: Redirect) -> None:
        self._redirect = redirect

    async def carry(self, exchange: Exchange) -> None:
        head = exchange.head
        where = location(self._redirect.to, exchange.target, head.authority)
        raise Settled(self._redirect.status, b"Location: %b\r\n" % where)


class _Answering:
    def __init__(self, answer: FixedAnswer) -> None:
        self._answer = answer

    async def carry(self, exchange: Exchange) -> None:  # noqa: ARG002 - the same for all
        answer = self._answer
        kind = answer.content_type.encode("latin-1")
        raise Settled(answer.status, b"", answer.body.encode(), kind)
