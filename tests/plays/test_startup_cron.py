"""The line of `startup cron` under a real cron, whose spool and folders are this test's own."""

import shutil
import subprocess
import sys
from pathlib import Path

import helpers
import pytest

CRON = Path("/usr/sbin/cron")
OWN = """
set -e
for folder in /var/spool/cron/crontabs /run /etc/cron.d; do mount -t tmpfs tmpfs "$folder"; done
mount --bind /dev/null /etc/crontab
chmod 1730 /var/spool/cron/crontabs
chgrp crontab /var/spool/cron/crontabs
echo ready
exec cat
"""


def why_not():
    if sys.platform != "linux" or not CRON.exists() or shutil.which("crontab") is None:
        return "Debian's cron is not installed"
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"]
    done = subprocess.run(tried, capture_output=True, text=True, check=False)
    return f"no mount namespaces here: {done.stderr.strip()}" if done.returncode else ""


MISSING = why_not()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture
def inside(project):
    """Give what is put before a command so that it sees a machine with nobody's crontabs."""
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", OWN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout.readline() == b"ready\n"
        inside = ("nsenter", "--target", str(holder.pid), "--mount")
        project.wrap = (*inside, "env", f"--chdir={project.folder}")
        project.env["HOME"] = str(project.folder)
        yield inside
    finally:
        project.wrap = ()
        holder.communicate()


def crontab(inside):
    done = subprocess.run([*inside, "crontab", "-l"], capture_output=True, text=True, check=False)
    return done.stdout


def test_cron_starts_it_at_a_boot(inside, project):
    project.service()
    others = '# mine\nMAILTO=""\n0 4 1 1 * true 100\\%\n'
    subprocess.run([*inside, "crontab", "-"], input=others, text=True, check=True)
    project.cli("startup", "cron")
    project.cli("startup", "cron")
    assert crontab(inside).startswith(others)
    assert crontab(inside).count("@reboot") == 1
    # With an environment as poor as an init's.
    cron = subprocess.Popen([*inside, "env", "-i", str(CRON), "-f"])
    try:
        helpers.until(lambda: project.run("status").returncode == 0)
        project.all_running(2)
    finally:
        cron.kill()
        cron.wait()
    log = next((project.folder / ".config" / "webqx-sv").glob("*.log"))
    helpers.until(lambda: "RUNNING" in log.read_text())
    project.cli("unstartup")
    assert crontab(inside) == others
    assert list((project.folder / ".config").rglob("*")) == []
    project.all_running(2)  # what runs is not unstartup's
