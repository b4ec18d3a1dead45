"""Words to services: names, groups, globs; and what profiles keep down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core import selection
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import NoSuchService, UsageError
from webqx_supervisor.model.service import Service


def made(name, groups=(), profiles=()):
    return Service(name, ("true",), "/", groups=tuple(groups), profiles=tuple(profiles))


CONFIG = Config(
    "clinic",
    "/srv/services.toml",
    services=(
        made("api-1", ["backend"]),
        made("api-2", ["backend", "all-apis"]),
        made("web"),
        made("debugger", ["tools"], ["dev"]),
        made("recorder", ["backend", "tools"], ["dev", "test"]),
    ),
)
NAMES = tuple(service.name for service in CONFIG.services)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], NAMES),
        (["web"], ("web",)),
        (["backend"], ("api-1", "api-2", "recorder")),
        (["api-*"], ("api-1", "api-2")),
        (["api-[2-9]"], ("api-2",)),
        (["?eb"], ("web",)),
        (["*"], NAMES),
        (["web", "backend", "api-1"], ("web", "api-1", "api-2", "recorder")),
    ],
)
def test_words_mean_names_groups_and_globs(words, meant):
    assert selection.select(words, CONFIG) == meant


@pytest.mark.parametrize("word", ["api", "Backend", "back*", "", "web ", "dev"])
def test_what_means_nothing_is_named_with_what_there_is(word):
    with pytest.raises(NoSuchService) as caught:
        selection.select(["web", word], CONFIG)
    assert repr(word) in str(caught.value)
    assert "there is: api-1, api-2, debugger, recorder, web" in str(caught.value)
    assert "groups: all-apis, backend, tools" in str(caught.value)


@given(st.lists(st.sampled_from([*NAMES, "backend", "tools", "*-*", "*"]), min_size=1))
def test_more_words_never_mean_less_and_nothing_twice(words):
    meant = selection.select(words, CONFIG)
    assert len(set(meant)) == len(meant)
    assert set(selection.select(words[:1], CONFIG)) <= set(meant)
    started = selection.to_start(words, CONFIG, ["*"])
    assert started == meant


@pytest.mark.parametrize(
    ("words", "profiles", "up", "started"),
    [
        ([], [], [], ("api-1", "api-2", "web")),
        ([], ["test"], [], ("api-1", "api-2", "web", "recorder")),
        ([], ["dev"], [], NAMES),
        ([], ["*"], [], NAMES),
        ([], [], ["debugger"], ("api-1", "api-2", "web", "debugger")),
        (["backend"], [], [], ("api-1", "api-2")),
        (["backend"], ["test"], [], ("api-1", "api-2", "recorder")),
        (["debugger"], [], [], ("debugger",)),
        (["tools"], [], ["recorder"], ("recorder",)),
        (["*er", "debugger"], [], ["recorder"], ("recorder", "debugger")),
    ],
)
def test_what_no_active_profile_wants_is_started_by_its_name_alone(words, profiles, up, started):
    assert selection.to_start(words, CONFIG, profiles, up) == started


def test_a_group_of_which_nothing_may_start_says_what_would_start_it():
    with pytest.raises(NoSuchService, match="start --profile dev"):
        selection.to_start(["tools"], CONFIG, [])


def test_what_takes_one_service_takes_no_group_or_glob():
    assert selection.one("web", CONFIG) == "web"
    with pytest.raises(UsageError, match="backend is no single service; name one of api-1, api-2"):
        selection.one("backend", CONFIG)
    with pytest.raises(UsageError, match="w\\* is no single service; name one of web"):
        selection.one("w*", CONFIG)
    with pytest.raises(NoSuchService):
        selection.one("api", CONFIG)


def test_a_worker_is_a_name_and_a_number():
    assert selection.worker("api") == ("api", None)
    assert selection.worker("api:12") == ("api", 12)
    for word in ("api:", "api:x", "api:-1", "api:1:2", "api:²"):
        with pytest.raises(UsageError, match="write it as api:1"):
            selection.worker(word)


def test_profiles_that_no_service_has_are_told():
    assert selection.unknown_profiles(["dev", "dve", "*"], CONFIG) == ("dve",)
    selection.check_profiles(["dev", "*"], CONFIG)
    with pytest.raises(NoSuchService, match=r"no profile 'dve' in .*; there is: dev, test"):
        selection.check_profiles(["dve"], CONFIG)


def test_what_means_nothing_can_be_passed_over():
    groups = selection.groups_of(CONFIG)
    assert selection.among(["web", "gone", "z*", "tools"], groups) == (
        "web",
        "debugger",
        "recorder",
    )
    assert selection.among([], groups) == ()
    told = selection.nothing("gone", {"api": ("backend",), "web": ()})
    assert told == "no service 'gone'; there is: api, web; groups: backend"
