"""The keys of `autoscale`, and what cannot be true at once of them."""

import pytest

from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.autoscale import Autoscale
from webqx_supervisor.model.errors import ConfigError

FILE = "/srv/services.toml"


def text(autoscale, more="", *, port="port = 3001", listen="listen = 3000"):
    return f"""[services.api]
command = "true"
{port}
{listen}
autoscale = {{ {autoscale} }}
{more}
"""


def read(*words, **more):
    return parse(text(*words, **more), FILE, cpus=4).services[0]


def complaints(*words, **more):
    with pytest.raises(ConfigError) as caught:
        read(*words, **more)
    return str(caught.value).replace(f"{FILE}:", "").replace("services.", "").splitlines()


def test_every_key_is_taken_over():
    said = "min = 0, max = 9, target_in_flight = 8, cooldown = '2m', idle = '1h'"
    assert read(said).autoscale == Autoscale(0, 9, 8, 0.0, 120.0, 3600.0)
    assert read("max = 'max-1', target_cpu = '150%'").autoscale == Autoscale(1, 3, 0, 1.5)


def test_it_begins_with_what_instances_says_else_with_one_or_min():
    assert read("max = 4, target_cpu = '70%'").instances == 1
    assert read("min = 2, max = 4, target_cpu = '70%'").instances == 2
    assert read("min = 0, max = 1").instances == 1
    assert read("min = 0, max = 1", "instances = 0").instances == 0
    assert read("max = 'max', target_cpu = '70%'", "instances = 'max'").instances == 4


@pytest.mark.parametrize(
    ("autoscale", "complaint"),
    [
        ("min = 1", "api.autoscale.max: is missing"),
        ("max = 4", "api.autoscale: wanted `target_in_flight` or `target_cpu`"),
        ("max = 0", "api.autoscale.max: wanted a number from 1 up"),
        ("min = 5, max = 4, target_cpu = '1%'", "api.autoscale.min: 5 is more than `max`"),
        ("max = 4, target_cpu = 70", "api.autoscale.target_cpu: wanted a part of one core"),
        ("max = 4, target_cpu = '0%'", "api.autoscale.target_cpu: must be more than 0"),
        ("max = 4, target_in_flight = 0", "api.autoscale.target_in_flight: must be 1 or more"),
        ("max = 4, target_cpu = '9%', idle = '1m'", "api.autoscale.idle: counts only with `min"),
        ("max = 4, target_cpu = '9%', least = 1", "api.autoscale.least: unknown key"),
    ],
)
def test_what_is_wrong_is_named(autoscale, complaint):
    (found,) = complaints(autoscale)
    assert found.startswith(f"5: {complaint}")


def test_instances_outside_of_the_span_are_named():
    (found,) = complaints("min = 2, max = 4, target_cpu = '70%'", "instances = 5")
    assert found == "6: api.instances: 5 is not within `autoscale`, 2 to 4"


def test_without_requests_through_the_proxy_there_is_nothing_to_count_or_to_wake():
    both = "min = 0, max = 4, target_in_flight = 8"
    found = complaints(both, listen="")
    assert [line.partition(": needs ")[0] for line in found] == [
        "5: api.autoscale.target_in_flight",
        "5: api.autoscale.min",
    ]
    assert "needs a `listen`, or a route that leads here" in found[0]
    assert "needs a `port`" in complaints(both, port="", listen="")[0]
    assert read("max = 4, target_cpu = '70%'", port="", listen="").autoscale is not None


@pytest.mark.parametrize(
    "route",
    [
        'service = "api"',
        'service = "b"\nbackup = "api"',
        'service = "b"\nforward_auth = "api"',
    ],
)
def test_a_route_that_leads_there_brings_requests(route):
    more = f"""[services.b]
command = "true"
port = 5000
[listeners.web]
bind = 80
[[routes]]
listener = "web"
{route}
"""
    assert read("min = 0, max = 1", more, listen="").autoscale is not None


def test_a_task_and_what_runs_elsewhere_do_not_scale():
    task = complaints("max = 4, target_cpu = '70%'", 'kind = "task"', port="", listen="")
    assert task == [
        "5: api.autoscale: a task runs once, or by its schedule: there is nothing to scale"
    ]
    remote = '[services.far]\nremote = "http://10.0.0.7:1"\nautoscale = { min = 0, max = 1 }'
    (found,) = complaints("min = 0, max = 1", remote)
    assert found == "8: far.autoscale: has no meaning for a service that is `remote`"


def test_as_many_ports_are_kept_as_there_may_be_workers():
    others = '[services.b]\ncommand = "true"\nport = 3004'
    (found,) = complaints("max = 4, target_in_flight = 8", others)
    assert found == "8: b.port: 3004 overlaps 3001-3004 of service `api`"
    (found,) = complaints("min = 0, max = 4, target_in_flight = 8", listen="listen = 3003")
    assert found == "4: api.listen: port 3003 is one of 3001-3004 of service `api`"
