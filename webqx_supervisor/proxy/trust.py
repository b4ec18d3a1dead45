"""What a listener makes of the word of the proxies in front of it; built once per policy."""

import re

from webqx_supervisor.core.clients import Believed
from webqx_supervisor.core.wire.edits import stripper
from webqx_supervisor.core.wire.forwarded import is_authority
from webqx_supervisor.core.wire.headers import passes_to_worker
from webqx_supervisor.model.clients import Introduction, ProxyProtocol, Trust
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.gateway import Client

_FOR = b"x-forwarded-for"
_STANDARD = rb"x-forwarded-(?:for|proto|host|port)"
_IN_FORWARDED = (b"http", b"https", b"ws", b"wss")


class Trusting:
    """One policy. The fields of those who are not believed are dropped when a head is parsed."""

    def __init__(self, policy: Trust) -> None:
        self.policy = policy
        self._believed = Believed(policy.proxies)
        self._name = policy.header.encode()
        self._header = self._name.lower()
        fields = b"forwarded" if self._header == b"forwarded" else _STANDARD
        self._fields = re.compile(
            rb"\n(" + fields + rb"|" + re.escape(self._header) + rb"):[\t ]*+([^\r]*+)",
            re.IGNORECASE,
        ).findall
        self._passes = passes_to_worker(self._header)
        # What is believed of proxies, a worker is not to hear from anybody else.
        self._strip = stripper([self._header]) if policy.proxies and self._passes else None
        # X-Real-IP is written for every worker, and Forwarded when a route wants it.
        self._hands_on = not self._passes and self._header not in (_FOR, b"x-real-ip")

    def knows(self, ip: str) -> bool:
        """Say whether this address is one of the proxies."""
        return bool(self.policy.proxies) and ip in self._believed

    def introduction(self, ip: str) -> Introduction:
        """Return whether a client from this address has to say for whom it comes."""
        wanted = self.policy.proxy_protocol is not ProxyProtocol.NOBODY
        return Introduction.DUE if wanted and self.knows(ip) else Introduction.DONE

    def lets_in(self, ip: str) -> bool:
        """Say whether a client from this address may connect at all."""
        return self.policy.proxy_protocol is not ProxyProtocol.REQUIRED or self.knows(ip)

    def settle(self, client: Client) -> None:
        """Decide whether the fields of a client are believed, from its next request on."""
        client.trusted = client.introduction is Introduction.DONE and self.knows(client.ip)
        if client.trusted:
            by_forwarded = self._header == b"forwarded"
            client.vouch = self._by_forwarded if by_forwarded else self._by_fields
        else:
            client.vouch = None if self._strip is None else self._disown

    def _disown(self, exchange: Exchange) -> None:
        assert self._strip is not None
        exchange.head.kept = self._strip(exchange.head.kept)

    def _by_fields(self, exchange: Exchange) -> None:
        said = self._fields(exchange.head.block)
        if not said:
            return
        peer = exchange.client.ip
        chain, named, rest, host, has_scheme = [], [], b"", b"", False
        for name, written in said:
            lower, value = name.lower(), written.rstrip(b"\t ")
            if lower == _FOR:
                chain.append(value)
            if lower == self._header:
                named.append(value)
            elif lower == b"x-forwarded-host":
                host = b"X-Forwarded-Host: %b\r\n" % value
            elif lower != _FOR:
                has_scheme = has_scheme or lower == b"x-forwarded-proto"
                rest += b"%b: %b\r\n" % (name, value)
        exchange.ip = self._believed.client(peer, named)
        if not has_scheme:
            rest = b"X-Forwarded-Proto: http\r\n" + rest
        chain.append(peer.encode())
        self._tell(exchange, host, b", ".join(chain), rest)

    def _by_forwarded(self, exchange: Exchange) -> None:
        values = [value.rstrip(b"\t ") for _, value in self._fields(exchange.head.block)]
        if not values:
            return
        exchange.ip, told = self._believed.client_forwarded(exchange.client.ip, values)
        host, scheme = told.get(b"host", b""), told.get(b"proto", b"").lower()
        lines = b"X-Forwarded-Proto: %b\r\nForwarded: %b\r\n" % (
            scheme if scheme in _IN_FORWARDED else b"http",
            b", ".join(values),
        )
        host = b"X-Forwarded-Host: %b\r\n" % host if host and is_authority(host) else b""
        self._tell(exchange, host, exchange.ip.encode(), lines)

    def _tell(self, exchange: Exchange, host: bytes, chain: bytes, rest: bytes) -> None:
        """Write what the worker is told; X-Forwarded-Host stands first if it is not the Host."""
        ip = exchange.ip.encode()
        if self._hands_on and self._header != b"forwarded":
            rest += b"%b: %b\r\n" % (self._name, ip)
        lines = (host, b"X-Forwarded-For: ", chain, b"\r\n", rest, b"X-Real-IP: ", ip, b"\r\n")
        exchange.forwarded = b"".join(lines)
