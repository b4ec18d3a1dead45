"""What is wanted at boot, counted from a configuration."""

import os

from webqx_supervisor.cli.boot import wanted
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import Listener
from webqx_supervisor.model.service import Hooks, Service, Stop


def service(name, **keys):
    return Service(name, ("true",), "/", **keys)


def test_a_stop_has_the_time_that_all_services_may_take():
    assert wanted.stop_timeout(Config("x", "/x", 1, (service("a"),))) == 90
    slow = service("a", stop=Stop(grace=100), hooks=Hooks(before_stop=("true",), timeout=60))
    assert wanted.stop_timeout(Config("x", "/x", 1, (slow, service("b")))) == 10 + 160 + 10 + 20


def test_descriptors_have_room_to_scale():
    assert wanted.descriptors(Config("x", "/x")) == 4096
    web = Listener("web", ("127.0.0.1:80",))
    many = Config("x", "/x", 4, (service("a", instances=2000),), (web,))
    assert wanted.descriptors(many) == 2 * (1 + 4 + 4000 + 2)


def test_the_environment_in_force_is_that_of_a_boot():
    chosen = Config("x", "/x", environment="production")
    assert ("WEBQX_SV_ENV", "production") in wanted.boot(chosen).environment
    assert "WEBQX_SV_ENV" not in dict(wanted.boot(Config("x", "/x")).environment)


def test_root_gets_the_path_of_this_terminal(monkeypatch):
    monkeypatch.setenv("PATH", "/my node:/bin")
    monkeypatch.setenv("WEBQX_SV_HOME", "/state")
    assert "'PATH=/my node:/bin' WEBQX_SV_HOME=/state" in wanted.as_root(["startup"])


def test_who_called_sudo_is_the_user(monkeypatch):
    monkeypatch.setenv("SUDO_USER", "root")
    assert wanted.user_for_system(None) == "root"
    monkeypatch.delenv("SUDO_USER")
    assert wanted.user_for_system(None) == wanted.me()
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    assert wanted.me() == "4000000"
