"""The property list, read back by plistlib."""

import plistlib

from webqx_supervisor.core.boot import launchd
from webqx_supervisor.model.boot import Boot

BOOT = Boot(
    name="clinic",
    file="/Users/ada/c & d/services.toml",
    command=("/opt/sv/bin/python", "-m", "webqx_supervisor"),
    environment=(("PATH", "/opt/homebrew/bin:/usr/bin"),),
)


def test_an_agent():
    job = plistlib.loads(launchd.plist(BOOT, "/Users/ada/log"))
    assert job["Label"] == "webqx-sv.clinic"
    assert job["ProgramArguments"] == [
        *("/opt/sv/bin/python", "-m", "webqx_supervisor"),
        *("start", "--foreground", "-c", "/Users/ada/c & d/services.toml"),
    ]
    assert job["EnvironmentVariables"] == {"PATH": "/opt/homebrew/bin:/usr/bin"}
    assert job["KeepAlive"] == {"SuccessfulExit": False}
    assert job["RunAtLoad"]
    assert job["AbandonProcessGroup"]
    assert "UserName" not in job


def test_a_daemon_of_the_system_has_its_user():
    job = plistlib.loads(launchd.plist(Boot("x", "/f", ("/p",), user="ada"), "/log"))
    assert job["UserName"] == "ada"


def test_the_owner_is_read_back():
    text = launchd.plist(BOOT, "/log")
    assert launchd.file_of(text) == BOOT.file
    assert launchd.programs(text) == ("/opt/sv/bin/python",)
    for foreign in (b"", b"no plist", plistlib.dumps({"Label": "com.apple"}), plistlib.dumps([1])):
        assert launchd.file_of(foreign) is None
    assert launchd.file_of(plistlib.dumps({"Label": "webqx-sv.x"})) is None
