"""Why a program could not be started, in words; execve(2) itself only says "not found"."""

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_SHEBANG_BYTES = 256  # the kernel reads no more of a #! line (BINPRM_BUF_SIZE)


def explain(
    command: Sequence[str], cwd: str, env: Mapping[str, str], error: OSError, user: str = ""
) -> str:
    """Return one sentence on why `command` was not started, naming what there is to correct.

    `user` is who was to run it, if not the caller.
    """
    return _folder_fault(cwd) or _program_fault(command[0], cwd, env, error, user)


def _folder_fault(cwd: str) -> str | None:
    try:
        mode = Path(cwd).stat().st_mode
    except PermissionError:
        return f"the folder {cwd} may not be entered"
    except OSError:
        return f"the folder {cwd} does not exist"
    if not stat.S_ISDIR(mode):
        return f"{cwd} is not a folder"
    if not os.access(cwd, os.X_OK):
        return f"the folder {cwd} may not be entered"
    return None


def _program_fault(
    program: str, cwd: str, env: Mapping[str, str], error: OSError, user: str
) -> str:
    found = next(_candidates(program, cwd, env), None)
    if found is None and "/" in program:
        return f"the program {program} does not exist (folder {cwd})"
    if found is None:
        return f"no program {program} in PATH ({':'.join(os.get_exec_path(env))})"
    if error.errno == errno.ENOENT:
        return f"{found} cannot be run: {_interpreter_fault(found)}"
    if error.errno == errno.EACCES:
        return _access_fault(found, user)
    if error.errno == errno.ENOEXEC:
        return f"{found} is neither a program of this machine nor a script with a #! line"
    return f"{found} cannot be run: {error.strerror}"


def _candidates(program: str, cwd: str, env: Mapping[str, str]) -> Iterator[Path]:
    folders = [""] if "/" in program else os.get_exec_path(env)
    paths = (Path(cwd, folder, program) for folder in folders)  # an absolute part wins
    return (path for path in paths if _exists(path))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # it is there for all that can be known, and not for us
        return True


def _access_fault(program: Path, user: str) -> str:
    if os.path.isdir(program):  # noqa: PTH112 - False where pathlib raises: no permission
        return f"{program} is a folder, not a program"
    if not os.access(program, os.X_OK):
        return f"{program} is not executable (chmod +x)"
    interpreter = _interpreter(program)
    if interpreter is not None and not os.access(interpreter, os.X_OK):
        return f"{program} cannot be run: {interpreter} in its #! line is not executable"
    return f"{program} may not be run{f' by {user}' * bool(user)}: permission denied"


def _interpreter_fault(program: Path) -> str:
    interpreter = _interpreter(program)
    if interpreter is None:
        return "its loader is missing (built for another system?)"
    if interpreter.endswith("\r"):
        return "its #! line ends in a carriage return (saved with Windows line ends)"
    return f"there is no {interpreter}, which its #! line names"


def _interpreter(program: Path) -> str | None:
    """Return what the #! line of a script names; None where there is no such line."""
    try:
        with program.open("rb") as script:
            line = script.read(_SHEBANG_BYTES).partition(b"\n")[0]
    except OSError:
        return None
    words = line[2:].strip(b" \t").split(b" ", 1)
    return os.fsdecode(words[0]) if line.startswith(b"#!") else None
