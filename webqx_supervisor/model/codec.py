"""Frozen values to JSON-able values and back, by their annotations alone.

Covers what the model uses: str, int, float, bool, None, StrEnum, tuple[T, ...], fixed tuples,
X | None, and dataclasses. Journals and links outlive a version of the product, so unknown keys
are ignored and missing ones take their defaults.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")

_ATOMS = frozenset((str, int, float, bool, type(None)))
"""What stays as it is; not what is derived from it, as a StrEnum is."""


def to_plain(value: Any) -> Any:
    """Turn a frozen value into dicts, lists, strings and numbers."""
    if value.__class__ in _ATOMS:  # most are, and the other questions cost ten times as much
        return value
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        return {name: to_plain(getattr(value, name)) for name in _fields(value.__class__)}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value


def from_plain(kind: type[T], plain: Any) -> T:
    """Build a value of `kind` from what `to_plain` made.

    Raises ValueError or TypeError where `plain` does not have that shape.
    """
    anything: Any = kind  # lru_cache's stub takes no type[T] for a Hashable
    reader: Callable[[Any], T] = _reader(anything)
    return reader(plain)


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    if dataclasses.is_dataclass(kind):
        return functools.partial(_read_fields, kind)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        inner = _reader(next(arg for arg in args if arg is not type(None)))
        return lambda plain: None if plain is None else inner(plain)
    if origin is tuple:
        return _tuple_reader(args)
    if kind is float:
        return float
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return functools.partial(_read_atom, kind)


def _read_fields(kind: Any, plain: Any) -> Any:
    if not isinstance(plain, dict):
        raise TypeError(f"{kind.__name__} wants an object, not {type(plain).__name__}")
    known = _fields(kind)
    return kind(**{key: _reader(known[key])(item) for key, item in plain.items() if key in known})


def _tuple_reader(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(args) == 2 and args[1] is Ellipsis:
        item = _reader(args[0])
        return lambda plain: tuple(item(each) for each in plain)
    readers = [_reader(arg) for arg in args]
    return lambda plain: tuple(read(each) for read, each in zip(readers, plain, strict=True))


def _read_atom(kind: type, plain: Any) -> Any:
    if not isinstance(plain, kind):
        raise TypeError(f"wanted {kind.__name__}, not {type(plain).__name__}")
    return plain
