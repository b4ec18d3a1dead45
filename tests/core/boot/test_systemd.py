"""The unit as text: which lines it has, and that odd words come through its quoting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.boot import systemd
from webqx_supervisor.model.boot import Boot

BOOT = Boot(
    name="clinic",
    file="/srv/clinic/services.toml",
    command=("/opt/sv/bin/python", "-P", "-m", "webqx_supervisor"),
    environment=(("PATH", "/home/ada/.nvm/versions/node/v22/bin:/usr/bin"),),
)


def lines(boot=BOOT, version=252):
    return systemd.unit(boot, version=version).splitlines()


def test_a_unit_of_the_user():
    text = lines()
    assert "WantedBy=default.target" in text
    assert not [line for line in text if line.startswith(("User=", "After="))]
    assert 'Environment="PATH=/home/ada/.nvm/versions/node/v22/bin:/usr/bin"' in text
    assert (
        "ExecStart=:/opt/sv/bin/python -P -m webqx_supervisor start --foreground "
        "-c /srv/clinic/services.toml"
    ) in text


def test_a_unit_of_the_system():
    text = lines(Boot("clinic", "/c", ("/p",), user="ada"))
    assert {"User=ada", "WantedBy=multi-user.target", "After=network.target"} <= set(text)


def test_a_newer_systemd_waits_longer_each_time():
    assert "RestartSteps=6" not in lines(version=253)
    assert {"RestartSteps=6", "RestartMaxDelaySec=5"} <= set(lines(version=254))


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/a b/c", '":/a b/c"'),
        ("/100%/c", ":/100%%/c"),
        ("/$HOME/c", ":/$HOME/c"),
        ('/say "x"', '":/say \\"x\\""'),
        ("/back\\slash", '":/back\\\\slash"'),
        ("/a;b", '":/a;b"'),
    ],
)
def test_odd_paths(word, written):
    assert systemd.command_line((word,)) == written


def test_an_empty_word_stays_a_word():
    assert systemd.command_line(("/p", "", "x")) == ':/p "" x'


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_the_program_is_read_back_as_it_was_written(word):
    if word.isprintable():
        unit = systemd.unit(Boot("x", "/f", ("/" + word, "-P")), version=252)
        assert systemd.programs(unit) == ("/" + word,)


def test_the_owner_is_read_back():
    assert systemd.file_of(systemd.unit(BOOT, version=252)) == BOOT.file
    assert systemd.file_of("[Unit]\nDescription=somebody else's\n") is None
    assert systemd.programs("[Unit]\n") == ()


@pytest.mark.parametrize("path", ["/a\nb", "/tab\there", "/\udcff"])
def test_what_no_unit_can_hold_is_refused(path):
    with pytest.raises(ValueError, match=r"control characters|UTF-8"):
        systemd.unit(Boot("x", path, ("/p",)), version=252)
