"""config/clients.py, config/telling.py: who is believed, what is told, as a person writes it."""

from ipaddress import ip_network

import pytest

from webqx_supervisor.config.clients import PRESETS
from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.clients import ProxyProtocol, Trust
from webqx_supervisor.model.errors import ConfigError
from webqx_supervisor.model.filters import Access
from webqx_supervisor.model.telling import Telling

HERE = "/tmp/services.toml"
API = '[services.api]\ncommand = "true"\nport = 3001\n'
LISTEN = API + "[services.api.listen]\nbind = 3000\n"
WEB = API + '[[routes]]\nlistener = "web"\nservice = "api"\n[listeners.web]\nbind = 8080\n'
TCP = 'protocol = "tcp"\n'


def problems(text):
    with pytest.raises(ConfigError) as raised:
        parse(text, HERE, 2)
    return [(problem.key, problem.message) for problem in raised.value.problems]


def trust(text):
    (listener,) = parse(text, HERE, 2).listeners
    return listener.trust


def test_nobody_is_believed_unless_it_is_said():
    assert trust(LISTEN) == Trust()


def test_networks_and_presets_are_spelled_out():
    found = trust(LISTEN + 'trusted_proxies = ["10.1.2.3/8", "2001:db8::1", "private"]')
    assert found.proxies[:2] == ("10.0.0.0/8", "2001:db8::1/128")
    assert set(PRESETS["private"]) <= set(found.proxies)
    assert len(set(found.proxies)) == len(found.proxies)


def test_presets_are_networks_as_they_are_written():
    for networks in PRESETS.values():
        assert [str(ip_network(each)) for each in networks] == list(networks)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("false", ProxyProtocol.NOBODY),
        ("true", ProxyProtocol.TRUSTED),
        ('"required"', ProxyProtocol.REQUIRED),
    ],
)
def test_the_proxy_protocol_is_on_off_or_required(written, kind):
    text = WEB + f'trusted_proxies = ["127.0.0.1"]\nproxy_protocol = {written}'
    assert trust(text).proxy_protocol is kind


def test_tcp_listeners_may_have_it_with_lists_of_addresses():
    text = WEB.replace('service = "api"', 'service = "api"\ndeny = ["10.0.0.0/8"]')
    text += TCP + 'proxy_protocol = true\ntrusted_proxies = ["private"]'
    (route,) = parse(text, HERE, 2).routes
    assert route.filters.access == Access(deny=("10.0.0.0/8",))
    (route,) = parse(API + 'allow = ["::1"]\n' + LISTEN.removeprefix(API) + TCP, HERE, 2).routes
    assert route.filters.access == Access(allow=("::1/128",))


def test_what_is_told_stands_in_a_service_or_a_route():
    text = API + "forwarded = true\nrequest_id = true\n" + "[listeners.web]\nbind = 1\n[[routes]]\n"
    text += 'listener = "web"\nservice = "api"\nrequest_id = "X-Id"\ntrace = true\n'
    text += 'server_timing = true\n[[routes]]\nlistener = "web"\nservice = "api"\npath = "/b"\n'
    one, other = parse(text, HERE, 2).routes
    assert one.filters.telling == Telling(
        forwarded=True, request_id="X-Id", trace=True, server_timing=True
    )
    assert other.filters.telling == Telling(forwarded=True, request_id="X-Request-Id")


def test_an_id_can_be_switched_off_for_a_route():
    text = API + 'request_id = true\n[listeners.web]\nbind = 1\n[[routes]]\nlistener = "web"\n'
    (route,) = parse(text + 'service = "api"\nrequest_id = false', HERE, 2).routes
    assert route.filters.telling == Telling()


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (LISTEN + "proxy_protocol = true", "services.api.listen.proxy_protocol", "needs `trusted"),
        (WEB + 'proxy_protocol = "required"', "listeners.web.proxy_protocol", "needs `trusted"),
        (WEB + 'proxy_protocol = "yes"', "listeners.web.proxy_protocol", "required"),
        (WEB + 'client_ip_header = "X-A"', "listeners.web.client_ip_header", "counts only with"),
        (WEB + 'client_ip_header = "X-*"', "listeners.web.client_ip_header", "of one header"),
        (WEB + 'client_ip_header = "Host"', "listeners.web.client_ip_header", "by the proxy"),
        (WEB + 'trusted_proxies = ["cloudflair"]', "listeners.web.trusted_proxies", "cloudflare"),
        (WEB + 'trusted_proxies = ["10.0.0.0/33"]', "listeners.web.trusted_proxies", "wanted an"),
        (
            WEB + TCP + 'trusted_proxies = ["::1"]',
            "listeners.web.trusted_proxies",
            "only with `proxy_protocol`",
        ),
        (
            WEB + TCP + 'proxy_protocol = true\ntrusted_proxies = ["::1"]\nclient_ip_header = "X"',
            "listeners.web.client_ip_header",
            "no fields to go by",
        ),
        (API + "request_id = 3", "services.api.request_id", "wanted"),
        (API + 'request_id = "a b"', "services.api.request_id", "the name of a header"),
        (
            API + "trace = true\n" + LISTEN.removeprefix(API) + TCP,
            "services.api.trace",
            "has no meaning for a service behind tcp",
        ),
    ],
)
def test_what_cannot_count_is_told_with_its_key(text, key, message):
    told = problems(text)
    assert any(where.startswith(key) and message in what for where, what in told), told
