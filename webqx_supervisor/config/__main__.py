"""`python -m webqx_supervisor.config FILE [ENVIRONMENT]`: compile a file for a process that cannot.

The daemon asks here, in a child process, so that it never carries the validator's memory. One
JSON line on stdout, {"config": ...} or {"problems": [...]}; exit code 0 or 78.
"""

import json
import sys
from pathlib import Path

from webqx_supervisor.config.compiler import compile_file
from webqx_supervisor.model.codec import to_plain
from webqx_supervisor.model.errors import ConfigError, UsageError


def main(arguments: list[str]) -> int:
    """Print the answer and return the exit code."""
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: python -m webqx_supervisor.config FILE [ENVIRONMENT]\n")
        return UsageError.exit_code
    try:
        config = compile_file(Path(arguments[0]), *arguments[1:])
        answer, code = {"config": to_plain(config)}, 0
    except ConfigError as error:
        answer, code = {"problems": to_plain(error.problems)}, error.exit_code
    sys.stdout.write(json.dumps(answer) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
