"""config/limits.py, config/rates.py: limits as a person writes them, and what is wrong there."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from webqx_supervisor.config.rates import LONGEST, Rate, rate
from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.errors import ConfigError
from webqx_supervisor.model.limits import Crowding, RateLimit

HERE = "/tmp/services.toml"
API = '[services.api]\ncommand = "true"\nport = 3001\n'
LISTENING = API + "listen = 3000\n"
WEB = '[listeners.web]\nbind = 8080\n[[routes]]\nlistener = "web"\n'


def routes(text):
    return parse(text, HERE, 2).routes


def problems(text):
    with pytest.raises(ConfigError) as raised:
        parse(text, HERE, 2)
    return [(problem.key, problem.message) for problem in raised.value.problems]


def limits(text):
    (route,) = routes(LISTENING + text)
    return route.filters.limits


def test_a_rate_alone_is_all_that_a_limit_needs():
    assert limits('limits = "10/s burst 20"') == (
        RateLimit(
            10,
            1.0,
            20,
            label="10/s burst 20",
            account="service api: 10/s burst 20 by client_ip",
        ),
    )


def test_without_a_burst_all_that_the_rate_counts_may_come_at_once():
    assert [(each.count, each.period, each.burst) for each in limits('limits = ["1000/15m"]')] == [
        (1000, 900.0, 1000)
    ]


def test_the_long_form_says_all_of_it():
    (limit,) = limits(
        'limits = [{ rate = "5/s", burst = 9, by = "claim:sub", delay = true, '
        'exempt = ["10.0.0.0/8"], name = "login" }]\njwt = "https://id.example.com/jwks.json"'
    )
    assert limit == RateLimit(
        5,
        1.0,
        9,
        by="claim:sub",
        delay=True,
        exempt=("10.0.0.0/8",),
        label="login",
        account="limit login: 5/s burst 9 by claim:sub",
    )


def test_a_single_table_is_a_list_of_one():
    assert limits('limits = { rate = "3/m" }')[0].period == 60.0


def test_a_services_limits_are_counted_over_its_routes_and_a_routes_own_for_it_alone():
    text = (
        API
        + 'limits = "10/s"\nmax_in_flight_per_client = 3\nmax_body = "1M"\n'
        + WEB
        + 'service = "api"\npath = "/a"\n'
        + '[[routes]]\nlistener = "web"\nservice = "api"\npath = "/b"\n'
        + '[[routes]]\nlistener = "web"\nservice = "api"\npath = "/c"\n'
        + 'limits = "10/s"\nmax_in_flight_per_client = 3\nmax_body = 0\n'
        + '[[routes]]\nlistener = "web"\nservice = "api"\npath = "/d"\nlimits = []\n'
    )
    one, two, own, none = (route.filters for route in routes(text))
    assert one == two
    assert one.crowding == Crowding(3, "service api")
    assert one.max_body == 1 << 20
    assert own.limits[0].account != one.limits[0].account
    assert own.crowding.scope != "service api"
    assert own.max_body == 0
    assert none.limits == ()


def test_whatever_else_changes_of_a_route_its_limits_go_on():
    route = WEB + 'path = "/a"\nlimits = "10/s"\n'
    texts = (route + "answer = 204", route + 'answer = 200\ncors = ["https://a.com"]')
    before, after = (routes(text)[0].filters.limits[0].account for text in texts)
    assert before == after
    other = routes(route.replace("/a", "/b") + "answer = 204")[0].filters.limits[0].account
    assert other != before


@given(st.integers(1, 9999), st.sampled_from([0.5, 1.0, 60.0, 900.0, 5400.0]), st.integers(1, 9999))
def test_a_rate_is_written_as_it_is_read(count, period, burst):
    wanted = Rate(count, period, burst)
    assume(wanted.refill <= LONGEST)
    assert rate(str(wanted)) == wanted


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ('"10"', "limits", 'wanted a rate like "10/s", "1000/15m"'),
        ('"0/s"', "limits", "wanted a rate like"),
        ('"10/parsec"', "limits", 'found the text "10/parsec"'),
        ('"10/s burst 0"', "limits", "wanted a rate like"),
        ('"10/0s"', "limits", "the time of a rate must be more than 0"),
        ('"99999999/s"', "limits", "more than 1000000 requests a second"),
        ('"1/300d burst 5"', "limits", "for more than a year"),
        ('["10/s", "10/s burst 10"]', "limits", "the limit 10/s by client_ip stands here twice"),
        ('[{ rate = "10/s burst 4", burst = 3 }]', "limits[0]", "say it once"),
        ('[{ rate = "10/s", burst = 0 }]', "limits[0].burst", "must be 1 or more"),
        ('[{ rate = "1000/15m", delay = true }]', "limits[0]", "would be held for 899s"),
        ('[{ rate = "1/s", by = "clientip" }]', "limits[0].by", "did you mean `client_ip`"),
        ('[{ rate = "1/s", by = "header:a b" }]', "limits[0].by", "cannot be the name of a header"),
        ('[{ rate = "1/s", by = "claim:" }]', "limits[0].by", "cannot be the name of a claim"),
        ('[{ rate = "1/s", exempt = ["x"] }]', "limits[0].exempt[0]", "wanted an address or"),
        ('[{ rate = "1/s", name = "a b" }]', "limits[0].name", 'wanted a name like "login"'),
        ('[{ rat = "1/s" }]', "limits[0].rat", "did you mean `rate`"),
        ("[{ burst = 3 }]", "limits[0].rate", "is missing"),
    ],
)
def test_what_is_wrong_with_a_limit_is_told_with_its_key(text, key, message):
    told = problems(LISTENING + f"limits = {text}")
    assert any(where == f"services.api.{key}" and message in what for where, what in told), told


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("max_body = -1", "max_body", "wanted a size"),
        ("max_in_flight_per_client = -1", "max_in_flight_per_client", "must be 0 or more"),
        ('limits = "1/s"', "limits", "has no meaning for a service behind tcp"),
    ],
)
def test_and_so_is_what_is_wrong_beside_it(text, key, message):
    listen = 'listen = { bind = 3000, protocol = "tcp" }\n' if "tcp" in message else ""
    told = problems(API + listen + text)
    assert any(where == f"services.api.{key}" and message in what for where, what in told), told


def test_a_limit_by_claim_needs_somebody_who_proves_who_he_is():
    by_claim = 'limits = [{ rate = "1/s", by = "claim:sub" }]\n'
    told = (".limits", "a limit by claim needs `jwt`, `basic_auth` or `api_keys` beside it")
    assert problems(LISTENING + by_claim) == [(f"services.api{told[0]}", told[1])]
    # A route may have the proof itself, or lack it.
    proven = API + by_claim + WEB + 'service = "api"\n'
    assert routes(proven + 'jwt = "https://id.example.com/jwks.json"')
    assert problems(proven) == [(f"routes[0]{told[0]}", told[1])]


def test_limits_of_one_name_are_the_same_everywhere():
    login = WEB + 'answer = 204\nlimits = [{{ rate = "{}", name = "login" }}]\n'
    other = '[[routes]]\nlistener = "web"\npath = "/b"\nanswer = 204\n'
    same = login.format("1/s") + other + 'limits = [{ rate = "1/s", name = "login" }]'
    first, second = (route.filters.limits[0] for route in routes(same))
    assert first.account == second.account
    (told,) = problems(login.format("1/s") + other + 'limits = [{ rate = "2/s", name = "login" }]')
    assert told == (
        "routes[1].limits",
        "`login` is 1/s by client_ip elsewhere, and 2/s by client_ip here",
    )
