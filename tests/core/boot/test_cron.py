"""The crontab: our line in it, and all others untouched."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.boot import cron
from webqx_supervisor.model.boot import Boot

OURS = cron.line("clinic", "/home/ada/.config/webqx-sv/boot-clinic.sh")
others = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"))
crontabs = st.lists(others).map(lambda lines: "".join(f"{line}\n" for line in lines))


def test_the_line():
    assert OURS == "@reboot /bin/sh /home/ada/.config/webqx-sv/boot-clinic.sh # webqx-sv: clinic"
    assert cron.line("x", "/100%/it's") == "@reboot /bin/sh '/100\\%/it'\"'\"'s' # webqx-sv: x"


@pytest.mark.parametrize("path", ["/a\nb", "/" + "x" * 1000])
def test_what_cron_would_not_take_is_refused(path):
    with pytest.raises(ValueError, match=r"control characters|too long"):
        cron.line("x", path)


@given(crontabs)
def test_coming_and_going_leaves_the_others_as_they_were(crontab):
    more = cron.with_line(crontab, "clinic", OURS)
    assert more == crontab + OURS + "\n"
    assert cron.has_line(more, "clinic")
    assert cron.with_line(more, "clinic", OURS) == more
    assert cron.without_line(more, "clinic") == crontab
    assert cron.without_line(crontab, "clinic") == crontab


def test_a_last_line_without_its_end_gets_one():
    assert cron.with_line("# mine", "clinic", OURS) == f"# mine\n{OURS}\n"


def test_an_older_line_is_replaced():
    older = cron.line("clinic", "/old")
    assert cron.with_line(f"a\n{older}\nb\n", "clinic", OURS) == f"a\nb\n{OURS}\n"


def test_a_line_of_another_project_is_not_ours():
    other = cron.line("clinic-2", "/x") + "\n"
    assert cron.without_line(other, "clinic") == other
    assert not cron.has_line(other, "clinic")


def test_the_script():
    boot = Boot(
        name="clinic",
        file="/a b/services.toml",
        command=("/p y/python", "-m", "webqx_supervisor"),
        environment=(("PATH", "/100%/bin:$HOME"),),
    )
    text = cron.script(boot, "/a b.log")
    assert "export PATH='/100%/bin:$HOME'" in text.splitlines()
    words = shlex.split(text.splitlines()[-1])
    assert words[:4] == ["exec", "/p y/python", "-m", "webqx_supervisor"]
    assert words[4:7] == ["start", "-c", "/a b/services.toml"]
    assert cron.file_of(text) == "/a b/services.toml"
    assert cron.programs(text) == ("/p y/python",)
    assert cron.file_of("#!/bin/sh\n") is None
    assert cron.programs("#!/bin/sh\n") == ()
