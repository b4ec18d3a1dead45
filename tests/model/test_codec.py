"""model/codec.py: whatever is sent or written down comes back as it was."""

import dataclasses
import json
import types
import typing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webqx_supervisor.model import link
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.events import Event
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.gateway import Listener, Protocol, Upstream, UpstreamState
from webqx_supervisor.model.service import Service
from webqx_supervisor.model.status import Status, WorkerState

MESSAGES = typing.get_args(link.Message)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return any value of a kind, its defaulted fields drawn too, which `builds` would not."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = {field.name: values(hints[field.name]) for field in dataclasses.fields(kind)}
        return st.builds(typing.cast("type[Any]", kind), **fields)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return st.one_of([values(arg) for arg in args])
    if origin is tuple and args[-1] is Ellipsis:
        return st.lists(values(args[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, args))
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    return st.from_type(kind)


@pytest.mark.parametrize("kind", [*MESSAGES, Config, Status, Event, Exit])
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_a_value_comes_back_through_json_as_it_was(kind: type[object], data: st.DataObject) -> None:
    value = data.draw(values(kind))
    back = from_plain(kind, json.loads(json.dumps(to_plain(value))))
    assert back == value
    assert type(back) is kind


def test_a_state_comes_back_as_a_state() -> None:
    upstream = Upstream("api:1@7", "127.0.0.1", 3001, 7, UpstreamState.DRAINING)
    plain = to_plain(upstream)
    assert type(plain["state"]) is str
    assert from_plain(Upstream, plain).state is UpstreamState.DRAINING


def test_keys_of_a_later_version_are_ignored() -> None:
    assert from_plain(Exit, {"code": 7, "core_dumped": True}) == Exit(code=7)


def test_keys_that_an_earlier_version_did_not_write_take_their_defaults() -> None:
    plain = {"name": "web", "binds": ["127.0.0.1:80"]}
    assert from_plain(Listener, plain) == Listener("web", ("127.0.0.1:80",), Protocol.HTTP)


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (Exit, None),
        (Exit, [7]),
        (Exit, {"code": "7"}),
        (Service, {"name": "api"}),
        (Listener, {"name": "web", "binds": [80]}),
        (Listener, {"name": "web", "binds": None}),
        (Listener, {"name": "web", "binds": [], "protocol": "udp"}),
        (link.Leave, {"timeout": "soon"}),
        (link.TableMessage, {"table": {"version": 1}, "sockets": [["web"]]}),
        (WorkerState, "DANCING"),
    ],
)
def test_another_shape_is_refused(kind: type[object], plain: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        from_plain(kind, plain)
