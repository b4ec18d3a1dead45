"""The keys of resources and users: what they become, and every wrong value's message."""

import pytest

from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.core.reconcile import Reloaded, Retuned, plan
from webqx_supervisor.model.errors import ConfigError
from webqx_supervisor.model.quota import UNLIMITED, Privileges, Quota

HEAD = '[services.api]\ncommand = "true"\ncwd = "/"\n'


def config(text):
    return parse(HEAD + text, "/srv/services.toml", 2)


def resources(text):
    return config(f"[services.api.resources]\n{text}\n").services[0].quota


def problem(text):
    with pytest.raises(ConfigError) as caught:
        config(text)
    (problem,) = caught.value.problems
    return str(problem)


def test_all_keys():
    quota = resources("""
memory_soft = "400M"
memory = "512M"
cpu = "150%"
pids = 200
nice = -5
io = "best-effort:7"
cpus = "0-2, 6"
umask = "027"
nofile = 65536
core = "unlimited"
""")
    assert quota == Quota(
        memory_soft=400 << 20,
        memory=512 << 20,
        cpu=1.5,
        pids=200,
        nice=-5,
        io="best-effort:7",
        cpus=(0, 1, 2, 6),
        umask=0o027,
        nofile=65536,
        core=UNLIMITED,
    )


def test_nothing_is_limited_by_default():
    service = config("").services[0]
    assert (service.quota, service.privileges) == (Quota(), Privileges())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("cpu = 2", 2.0), ("cpu = 0.5", 0.5), ('cpu = "12.5%"', 0.125)],
)
def test_cpu(text, expected):
    assert resources(text).cpu == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('io = "idle"', "idle"),
        ('io = "best-effort"', "best-effort:4"),
        ('io = "realtime:0"', "realtime:0"),
    ],
)
def test_io(text, expected):
    assert resources(text).io == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cpu = 0", 'cpu: wanted CPUs from 0.01 up, like 1.5 or "150%"; found the number 0'),
        ("cpu = true", "cpu: wanted CPUs from 0.01 up"),
        ('cpu = "2"', "cpu: wanted CPUs from 0.01 up"),
        ("memory = 0", "memory: must be more than 0"),
        ('memory = "lots"', 'memory: wanted a size in bytes, like "64k"'),
        ("pids = 0", "pids: must be 1 or more"),
        ("nice = 20", "nice: must be 19 or less"),
        ("nice = -21", "nice: must be -20 or more"),
        ('io = "none"', 'io: wanted "idle", "best-effort:N" or "realtime:N"'),
        ('io = "idle:3"', 'io: wanted "idle"'),
        ('cpus = "a"', 'cpus: wanted numbers of CPUs, like "0-3,6"'),
        ("cpus = 3", 'cpus: wanted numbers of CPUs, like "0-3,6"; found the number 3'),
        ('cpus = "3-1"', "cpus: `3-1` counts backwards"),
        ("umask = 27", 'umask: wanted octal digits in quotes, like "027"; found the number 27'),
        ('umask = "098"', "umask: wanted octal digits"),
        ("nofile = 0", "nofile: must be 1 or more"),
        ('core = "none"', "core: wanted a size in bytes"),
        ("memroy = 1", "memroy: unknown key; did you mean `memory`?"),
        (
            'memory_soft = "1G"\nmemory = "1G"',
            "memory_soft: must be less than `memory`, which is 1G",
        ),
    ],
)
def test_what_is_wrong_is_named(text, message):
    told = problem(f"[services.api.resources]\n{text}\n")
    assert told.startswith(f"/srv/services.toml:5: services.api.resources.{message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('user = "nobdy"', "user: there is no user nobdy on this machine"),
        ('user = "root:nogrp"', "user: there is no group nogrp on this machine"),
        ('user = "77777"', "user: user 77777 is unknown here, so its group must be named"),
        ('user = ""', 'user: wanted a user, like "www-data" or "www-data:adm"'),
        ('user = "a b"', "user: wanted a user"),
        ('user = "4294967295:0"', "user: there is no user 4294967295"),
        ("user = 33", "user: wanted text, found the number 33"),
        ("private_tmp = 1", "private_tmp: wanted true or false"),
    ],
)
def test_what_is_wrong_of_users_is_named(text, message):
    assert problem(text).startswith(f"/srv/services.toml:4: services.api.{message}")


@pytest.mark.parametrize("user", ["root", "root:root", "0", "0:0", "77777:88888"])
def test_users_that_may_be(user):
    assert config(f'user = "{user}"\n').services[0].privileges.user == user


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp"])
def test_a_private_tmp_would_hide_the_service_itself(folder):
    text = f'[services.api]\ncommand = "true"\ncwd = "{folder}"\nprivate_tmp = true\n'
    with pytest.raises(ConfigError, match=f"would hide the folder {folder}, which is in {folder}"):
        parse(text, "/srv/services.toml", 2)


def test_a_task_is_replaced_by_nobody():
    told = problem('kind = "task"\nresources = { memory_soft = "1G" }\n')
    assert "memory_soft: a task ends by itself" in told


def test_a_remote_service_has_no_resources_here():
    text = (
        '[services.api]\nremote = "http://10.0.0.7:80"\nuser = "root"\nresources = { nice = 3 }\n'
    )
    with pytest.raises(ConfigError) as caught:
        parse(text, "/srv/services.toml", 2)
    keys = [problem.key for problem in caught.value.problems]
    assert keys == ["services.api.user", "services.api.resources"]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ('resources = { memory_soft = "1G" }', Retuned),
        ('resources = { memory = "1G" }', Reloaded),
        ("resources = { nice = 3 }", Reloaded),
        ("no_new_privileges = true", Reloaded),
        ('user = "root"', Reloaded),
    ],
)
def test_only_what_a_process_was_born_with_reloads_it(text, change):
    assert plan(config(""), config(f"{text}\n")) == (change("api"),)
