"""OpenSSL, 5 MB in every process that loads it, stays out until somebody speaks TLS.

trio imports `ssl` for streams that most of our processes never open, and `hashlib` prefers
OpenSSL's functions to its own.
"""

import importlib
import sys
from types import ModuleType


class _Later(ModuleType):
    """Stands for a module, which is imported once a name in it is asked for."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)  # asked by who looks at all modules, not by who needs this
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        module = importlib.import_module(self.__name__)
        vars(self).update(vars(module))
        return getattr(module, name)


def put_off() -> None:
    """Keep OpenSSL from being loaded before it is used; to be called before trio is imported."""
    if "ssl" not in sys.modules:
        sys.modules["ssl"] = _Later("ssl")
    if "_hashlib" not in sys.modules:
        sys.modules["_hashlib"] = None  # type: ignore[assignment]  # "not to be found", see import_module
