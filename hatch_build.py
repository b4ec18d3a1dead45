"""Compiles the data plane with Cython where there is a C compiler; without, all runs as it is.

The sources stay Python: a .pxd beside a module gives its classes fixed places for their attributes,
and two leaves have a second source, .pyx, that says the same in the words of C. What comes out,
.so beside the .py, is used as long as it is newer than what it was made from (see
webqx_supervisor/compiled.py). Run by scripts/setup, and by `pip install` and `python -m build`.
"""

import contextlib
import io
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
PACKAGE = ROOT / "webqx_supervisor"
DIRECTIVES = {
    "language_level": 3,
    "binding": False,  # nobody asks a function of the data plane for its signature
    "annotation_typing": False,  # an `int` of Python has no bounds; C types stand in the .pxd
    "boundscheck": False,  # of typed lists only, and those are never indexed out of bounds
    "initializedcheck": False,
}


def sources() -> list[Path]:
    """Return what is compiled: each .pyx, and each .py that has a .pxd."""
    leaves = sorted(PACKAGE.rglob("*.pyx"))
    typed = (path.with_suffix(".py") for path in sorted(PACKAGE.rglob("*.pxd")))
    return [*leaves, *(path for path in typed if path.with_suffix(".pyx") not in leaves)]


def compile_all() -> None:
    """Compile in place. Raises ImportError without Cython, Exception if the compiler fails."""
    from Cython.Build import cythonize  # noqa: PLC0415 - not there when somebody only installs
    from setuptools import Distribution, Extension  # noqa: PLC0415

    extensions = [
        Extension(
            ".".join(path.relative_to(ROOT).with_suffix("").parts),
            [str(path.relative_to(ROOT))],
            extra_compile_args=["-O2", "-g0", "-w"],
        )
        for path in sources()
    ]
    distribution = Distribution(
        {
            "name": "webqx-sv",
            "ext_modules": cythonize(
                extensions,
                compiler_directives=DIRECTIVES,
                build_dir="build",
                nthreads=2,
                quiet=True,
            ),
        }
    )
    command: Any = distribution.get_command_obj("build_ext")
    command.inplace = True
    command.parallel = 2
    command.build_temp = "build/objects"
    command.ensure_finalized()
    command.run()
    for path in sources():
        for made in path.parent.glob(f"{path.stem}.*.so"):
            made.touch()


def try_to_compile() -> bool:
    """Compile; if that fails, say why on stderr."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.chdir(ROOT):
            compile_all()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the product runs without
        reason = f"{error}".strip().splitlines()[-1:] or [type(error).__name__]
        sys.stderr.write(f"not compiled, a request costs twice as much: {reason[0]}\n")
        for made in PACKAGE.rglob("*.so"):
            made.unlink()
        return False
    return True


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts what was compiled into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before anything is packed; an editable install is compiled by scripts/setup."""
        if self.target_name != "wheel" or version == "editable" or not try_to_compile():
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["artifacts"].append("webqx_supervisor/**/*.so")


if __name__ == "__main__":
    sys.exit(not try_to_compile())
