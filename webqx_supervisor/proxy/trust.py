"""What a listener makes of the word of the proxies in front of it; built once per policy."""

import re

from webqx_supervisor.core.clients import Believed
from webqx_supervisor.core.remembered import Remembered
from webqx_supervisor.core.wire.edits import stripper
from webqx_supervisor.core.wire.forwarded import is_authority
from webqx_supervisor.core.wire.headers import passes_to_worker
from webqx_supervisor.model.clients import Introduction, ProxyProtocol, Trust
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.gateway import Client

Said = tuple[tuple[bytes, bytes], ...]
"""Fields that name the client or what it asked for, as they came."""
Heard = tuple[str, bytes]
"""The client, and the lines that the worker gets instead."""

_FOR = b"x-forwarded-for"
_STANDARD = rb"x-forwarded-(?:for|proto|host|port)"
_MEMORY = 1024  # sets of fields whose meaning is kept, in each of two generations, if that is short
_SHORT = 512
_SCHEMES = (b"http", b"https", b"ws", b"wss")


class Trusting:
    """One policy. The fields of those who are not believed are dropped when a head is parsed."""

    def __init__(self, policy: Trust) -> None:
        self.policy = policy
        self._believed = Believed(policy.proxies)
        self._name = policy.header.encode()
        self._header = self._name.lower()
        by_forwarded = self._header == b"forwarded"
        fields = b"forwarded" if by_forwarded else _STANDARD
        self._read = self._by_forwarded if by_forwarded else self._by_fields
        self._fields = re.compile(
            rb"\n(" + fields + rb"|" + re.escape(self._header) + rb"):[\t ]*+([^\r]*+)",
            re.IGNORECASE,
        ).findall
        self._passes = passes_to_worker(self._header)
        # What is believed of proxies, a worker is not to hear from anybody else.
        self._strip = stripper([self._header]) if policy.proxies and self._passes else None
        # Those two are written for every worker anyway.
        self._hands_on = not self._passes and self._header not in (_FOR, b"x-real-ip")
        self._known: Remembered[tuple[str, Said], Heard] = Remembered(_MEMORY)

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
            client.vouch = self._vouch
        else:
            client.vouch = None if self._strip is None else self._disown

    def _disown(self, exchange: Exchange) -> None:
        assert self._strip is not None
        exchange.head.kept = self._strip(exchange.head.kept)

    def _vouch(self, exchange: Exchange) -> None:
        said = tuple(self._fields(exchange.head.block))
        if not said:
            return
        asked = (exchange.client.ip, said)
        known = self._known.get(asked)
        if known is None:
            known = self._read(*asked)
            if len(known[1]) <= _SHORT and sum(len(value) for _, value in said) <= _SHORT:
                self._known.put(asked, known)
        exchange.ip, exchange.forwarded = known

    def _by_fields(self, peer: str, said: Said) -> Heard:
        chain, named, rest, host, has_scheme = [], [], b"", b"", False
        for name, written in said:
            lower, value = name.lower(), written.rstrip(b"\t ")
            if lower == _FOR:
                chain.append(value)
            if lower == self._header:
                named.append(value)
            elif lower == b"x-forwarded-host":
                host = value
            elif lower != _FOR and value:
                has_scheme = has_scheme or lower == b"x-forwarded-proto"
                rest += b"%b: %b\r\n" % (name, value)
        ip = self._believed.client(peer, named)
        if not has_scheme:
            rest = b"X-Forwarded-Proto: http\r\n" + rest
        if self._hands_on:
            rest += b"%b: %b\r\n" % (self._name, ip.encode())
        return ip, _lines(ip, host, b", ".join([*filter(None, chain), peer.encode()]), rest)

    def _by_forwarded(self, peer: str, said: Said) -> Heard:
        values = [value.rstrip(b"\t ") for _, value in said]
        ip, told = self._believed.client_forwarded(peer, values)
        host, scheme = told.get(b"host", b""), told.get(b"proto", b"").lower()
        rest = b"X-Forwarded-Proto: %b\r\nForwarded: %b\r\n" % (
            scheme if scheme in _SCHEMES else b"http",
            b", ".join(values),
        )
        return ip, _lines(ip, host if is_authority(host) else b"", ip.encode(), rest)


def _lines(ip: str, host: bytes, chain: bytes, rest: bytes) -> bytes:
    """Write what the worker is told; X-Forwarded-Host stands first if it is not the Host."""
    first = b"X-Forwarded-Host: %b\r\n" % host if host else b""
    return b"%bX-Forwarded-For: %b\r\n%bX-Real-IP: %b\r\n" % (first, chain, rest, ip.encode())
