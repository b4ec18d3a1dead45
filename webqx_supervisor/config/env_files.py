"""Files of NAME=value lines, as `env_file` names them.

Values are taken literally, `${NAME}` too: expanding it would change secrets, even those in single
quotes, and make the result depend on the environment of whoever reads the file.
"""

import io
from collections.abc import Callable, Iterator, Sequence

from dotenv.parser import Binding, parse_stream

from webqx_supervisor.config.fields import env_name, without_nul


def read_env_files(
    paths: Sequence[str], read: Callable[[str], str]
) -> tuple[dict[str, str], list[str]]:
    """Return the variables of all files, a later file winning, and what is wrong with the files.

    A name without a value is left out.
    """
    values: dict[str, str] = {}
    complaints: list[str] = []
    for path in paths:
        try:
            text = read(path)
        except (OSError, ValueError) as error:  # ValueError: not UTF-8, or NUL in the path
            complaints.append(f"cannot read {path}: {_reason(error)}")
            continue
        for binding in parse_stream(io.StringIO(text)):
            try:
                values.update(_variable(binding))
            except ValueError as error:
                complaints.append(f"{path}:{_line(binding)}: {error}")
    return values, complaints


def _variable(binding: Binding) -> Iterator[tuple[str, str]]:
    """Yield the name and value of one line, nothing for a comment. Raises ValueError."""
    if binding.error:
        raise ValueError("not a NAME=value line")
    if binding.key is not None and binding.value is not None:
        yield env_name(binding.key), without_nul(binding.value)


def _line(binding: Binding) -> int:
    """Count from 1, past the empty lines that the parser gives to the line behind them."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
