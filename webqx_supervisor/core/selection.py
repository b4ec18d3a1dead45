"""Which services a person means by words: names, groups and globs; and which profiles are active.

A group never has the name of a service, and a name holds no sign of a glob, so a word means one
thing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import NoSuchService, UsageError
from webqx_supervisor.model.service import Service

ALL_PROFILES = "*"
_GLOB_SIGNS = frozenset("*?[")


def select(words: Sequence[str], config: Config) -> tuple[str, ...]:
    """Return the names of the services that `words` mean, each once; without words all.

    A glob is one of names: `api-*`, `web-?`, `[ab]*`. Raises NoSuchService for a word that means
    nothing.
    """
    if not words:
        return tuple(service.name for service in config.services)
    return tuple(dict.fromkeys(name for word in words for name in _meant(word, config)))


def among(words: Iterable[str], groups: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return the names that any of the words means; `groups` has those of each service.

    A word that means nothing is passed over.
    """
    return tuple(dict.fromkeys(name for word in words for name in _found(word, groups)))


def groups_of(config: Config) -> Mapping[str, Collection[str]]:
    """Return the groups of each service."""
    return {service.name: service.groups for service in config.services}


def to_start(
    words: Sequence[str], config: Config, profiles: Collection[str], up: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the same for a verb that starts: what no active profile wants stays down.

    Unless it is one of those that are `up` already, or is named in full. Raises NoSuchService
    also for a group or a glob that means nothing else.
    """
    by_name = {service.name: service for service in config.services}

    def awake(names: Iterable[str]) -> list[str]:
        return [name for name in names if name in up or is_active(by_name[name], profiles)]

    if not words:
        return tuple(awake(by_name))
    chosen: list[str] = []
    for word in words:
        names = _meant(word, config)
        waking = awake(names) or [name for name in names if name == word]
        if not waking:
            raise NoSuchService(_all_inactive(word, [by_name[name] for name in names]))
        chosen += waking
    return tuple(dict.fromkeys(chosen))


def one(name: str, config: Config) -> str:
    """Return the name of the one service that is meant. Raises NoSuchService, UsageError."""
    meant = _meant(name, config)
    if meant != (name,):
        raise UsageError(f"{name} is no single service; name one of {', '.join(meant)}")
    return name


def worker(word: str) -> tuple[str, int | None]:
    """Split `api:1` into name and instance, None where there is none. Raises UsageError."""
    name, colon, number = word.partition(":")
    if not colon:
        return name, None
    if not (number.isascii() and number.isdecimal()):
        raise UsageError(f"{word} is no worker; write it as {name}:1")
    return name, int(number)


def is_active(service: Service, profiles: Collection[str]) -> bool:
    """Say whether a service is started with all the others: it has no profile, or an active one."""
    if not service.profiles or ALL_PROFILES in profiles:
        return True
    return any(profile in profiles for profile in service.profiles)


def unknown_profiles(profiles: Iterable[str], config: Config) -> tuple[str, ...]:
    """Return those that no service has."""
    known = {ALL_PROFILES, *_profiles(config.services)}
    return tuple(profile for profile in profiles if profile not in known)


def check_profiles(profiles: Iterable[str], config: Config) -> None:
    """Raise NoSuchService for a profile that no service has."""
    for profile in unknown_profiles(profiles, config):
        there = ", ".join(_profiles(config.services)) or "none"
        raise NoSuchService(f"no profile {profile!r} in {config.file}; there is: {there}")


def nothing(word: str, groups: Mapping[str, Collection[str]]) -> str:
    """Say that a word means nothing, and what there is."""
    what = f"no service matches {word!r}" if _GLOB_SIGNS & set(word) else f"no service {word!r}"
    return f"{what}; there is: {_there(groups)}"


def _meant(word: str, config: Config) -> tuple[str, ...]:
    groups = groups_of(config)
    found = _found(word, groups)
    if not found:
        what, _, there = nothing(word, groups).partition("; ")
        raise NoSuchService(f"{what} in {config.file}; {there}")
    return found


def _found(word: str, groups: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    if word in groups:
        return (word,)
    if _GLOB_SIGNS & set(word):
        return tuple(name for name in groups if fnmatchcase(name, word))
    return tuple(name for name, own in groups.items() if word in own)


def _there(groups: Mapping[str, Collection[str]]) -> str:
    names = ", ".join(sorted(groups)) or "none"
    known = ", ".join(sorted({group for own in groups.values() for group in own}))
    return f"{names}; groups: {known}" if known else names


def _all_inactive(word: str, services: Iterable[Service]) -> str:
    return (
        f"all that {word!r} means has a profile that is not active; try "
        f"`start --profile {_profiles(services)[0]}`, or name a service in full"
    )


def _profiles(services: Iterable[Service]) -> list[str]:
    return sorted({profile for service in services for profile in service.profiles})
