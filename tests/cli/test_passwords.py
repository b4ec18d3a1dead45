"""`hash-password`: what it prints is what `basic_auth` reads."""

import subprocess
import sys

import bcrypt
import pytest

from webqx_supervisor.core.passwords import passwords


def hashing(name, typed):
    command = [sys.executable, "-m", "webqx_supervisor", "hash-password", name]
    return subprocess.run(command, input=typed, capture_output=True, text=True, check=False)


def test_the_line_is_good_for_the_password_and_does_not_show_it():
    done = hashing("ada", "open: sesame é\n")
    assert done.returncode == 0, done.stderr
    (hashed,) = [hashed for name, hashed in passwords(done.stdout).items() if name == "ada"]
    assert bcrypt.checkpw("open: sesame é".encode(), hashed)
    assert "sesame" not in done.stdout + done.stderr


@pytest.mark.parametrize(("name", "typed"), [("a:b", "x\n"), ("ada", "\n"), ("ada", "x" * 73)])
def test_what_nobody_could_log_in_with_is_refused(name, typed):
    done = hashing(name, typed)
    assert (done.returncode, done.stdout) == (2, "")
