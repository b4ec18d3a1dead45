"""Completion in the real shells: what appears on the line when Tab is pressed."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest
from project import PYTHON, ROOT

SERVICES = """\
[services.api]
command = "true"
instances = 12
[services.admin]
command = "true"
"""


@pytest.fixture
def program(project):
    """Put webqx-sv, and files to be completed, into a folder of the project."""
    project.write(SERVICES)
    folder = project.folder / "with blank"
    folder.mkdir()
    path = folder / "webqx-sv"
    path.write_text(
        f"#!{PYTHON}\nimport sys\nsys.argv[0] = 'webqx-sv'\n"
        "from webqx_supervisor.cli.main import main\nmain()\n"
    )
    path.chmod(0o755)
    project.env |= {"PYTHONPATH": str(ROOT), "PATH": f"{folder}:{os.environ['PATH']}"}
    project.env |= {"HOME": str(project.folder), "TERM": "dumb", "PS1": "$ "}
    return project


def asked(shell, program, line):
    """Return what a shell suggests for a line, by its own functions for that."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run(
        {
            "bash": ["bash", "--norc", "-c", BASH, "bash", line],
            "fish": ["fish", "--no-config", "-c", FISH, line],
        }[shell],
        cwd=program.folder,
        env=program.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


# What readline does: it breaks the line at COMP_WORDBREAKS, and the colon is a word of its own.
BASH = r"""
eval "$(webqx-sv completion bash)"
complete -p webqx-sv >/dev/null
text=${1//:/ : }
[[ $1 == *: ]] && text=${text% }
COMP_WORDS=($text)
[[ $1 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_webqx_sv webqx-sv "${COMP_WORDS[COMP_CWORD]}"
printf '%s\n' "${COMPREPLY[@]}"
"""
FISH = "webqx-sv completion fish | source; complete --do-complete $argv[1]"


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_verbs(program, shell):
    found = asked(shell, program, "webqx-sv sta")
    assert [line.partition("\t")[0] for line in found] == ["start", "status", "startup"]
    assert all("\t" in line for line in found) == (shell == "fish")


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_services(program, shell):
    assert asked(shell, program, "webqx-sv reload ") == ["api", "admin"]
    assert asked(shell, program, "webqx-sv reload api ") == ["admin"]


@pytest.mark.parametrize(("shell", "before"), [("bash", ""), ("fish", "api:")])
def test_workers(program, shell, before):
    wanted = [f"{before}{number}" for number in (1, 10, 11, 12)]
    assert asked(shell, program, "webqx-sv logs api:1") == wanted
    assert len(asked(shell, program, "webqx-sv logs api:")) == 12


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_options(program, shell):
    found = asked(shell, program, "webqx-sv logs --f")
    assert [line.partition("\t")[0] for line in found] == ["--follow"]


class Terminal:
    """A shell on a terminal of its own, that is typed to."""

    def __init__(self, program, *words):
        ours, its = pty.openpty()
        self.fd = ours
        self.process = subprocess.Popen(
            words,
            cwd=program.folder,
            env=program.env,
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        self.seen = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def until(self, pattern, seconds=30):
        """Return when what is shown has the pattern."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.seen):
            left = deadline - time.monotonic()
            assert left > 0, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.fd], [], [], left)[0]:
                self.seen += os.read(self.fd, 65536).decode(errors="replace").replace("\a", "")

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)


SHELLS = {
    "bash": (["bash", "--norc", "-i"], 'eval "$(webqx-sv completion bash)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -U compinit && compinit -u -D && eval "$(webqx-sv completion zsh)"',
    ),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("webqx-sv stat\t", "webqx-sv status "),
        ("webqx-sv reload ad\t", "webqx-sv reload admin "),
        ("webqx-sv logs api:12\t", "webqx-sv logs api:12 "),
        ("webqx-sv check -c serv\t", "webqx-sv check -c services.toml"),
        ("with\\ blank/webqx-sv hash\t", "webqx-sv hash-password "),
    ],
)
def test_tab_on_a_terminal(program, shell, typed, shown):
    words, setup = SHELLS[shell]
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    terminal = Terminal(program, *words)
    try:
        terminal.type(f"{setup}; echo rea''dy\n")
        terminal.until("(?m)^ready")
        terminal.type(typed)
        terminal.until(re.escape(shown))
    finally:
        terminal.close()
