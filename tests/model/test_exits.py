"""model/exits.py: how it ended, in the words a person uses."""

import os
import signal
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.model.exits import Exit, signal_name, signal_number


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (Exit(code=0), "exited 0"),
        (Exit(code=7), "exited 7"),
        (Exit(signal=signal.SIGKILL), "killed by SIGKILL"),
        (Exit(signal=signal.SIGSEGV), "killed by SIGSEGV"),
        (Exit(), "ended, status unknown"),
    ],
)
def test_the_words_for_an_end(ended: Exit, words: str) -> None:
    assert str(ended) == words


@given(st.integers(-31, 255))
def test_a_return_code_below_zero_is_a_signal(returncode: int) -> None:
    ended = Exit.from_returncode(returncode)
    assert ended == (Exit(signal=-returncode) if returncode < 0 else Exit(code=returncode))


@given(st.integers(0, 255))
def test_a_wait_status_of_an_exit_is_its_code(code: int) -> None:
    status = code << 8
    assert os.WIFEXITED(status)
    assert Exit.from_wait_status(status) == Exit(code=os.WEXITSTATUS(status))


@given(st.integers(1, 64), st.booleans())
def test_a_wait_status_of_a_kill_is_its_signal_with_or_without_a_core(
    number: int, core: bool
) -> None:
    status = number | (0x80 if core else 0)
    assert os.WIFSIGNALED(status)
    assert Exit.from_wait_status(status) == Exit(signal=os.WTERMSIG(status))


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no real-time signals")
def test_real_time_signals_are_counted_from_the_first() -> None:
    assert signal_name(signal.SIGRTMIN) == "SIGRTMIN"
    assert signal_name(signal.SIGRTMIN + 3) == "SIGRTMIN+3"
    assert signal_name(signal.SIGRTMAX) == "SIGRTMAX"


def test_a_number_that_is_no_signal_is_shown_as_it_is() -> None:
    assert signal_name(99) == "signal 99"


@pytest.mark.parametrize(
    ("text", "number"),
    [("HUP", 1), ("SIGHUP", 1), ("sigusr2", int(signal.SIGUSR2)), ("term", 15), ("9", 9)],
)
def test_signals_are_read_by_name_and_number(text, number):
    assert signal_number(text) == number


def test_what_is_called_by_its_name_is_read_back():
    for number in signal.valid_signals():
        assert signal_number(signal_name(number).removeprefix("signal ")) == number


@pytest.mark.parametrize("text", ["", "0", "-1", "65", "HUPP", "SIG", "RTMIN+99", "RTMIN+", "²"])
def test_what_is_no_signal_is_refused(text):
    with pytest.raises(ValueError, match="no signal is called"):
        signal_number(text)
