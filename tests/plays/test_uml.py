"""The plays of cgroups in a kernel of their own: where this machine has no cgroup v2 to write to.

A user-mode Linux (Debian's package user-mode-linux) is a kernel that runs as a process. It sees
this machine's files, and has all controllers.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from webqx_supervisor.process import cgroups

pytestmark = [pytest.mark.timeout(900), pytest.mark.longest]
LINUX = shutil.which("linux.uml")
INIT = Path(__file__).parent / "apps" / "uml.sh"
ROOT = Path(__file__).parent.parent.parent
TESTS = "tests/process/test_cgroups.py tests/plays/test_resources.py"
WHICH = "test_cgroups or kernel or cgroups or lost or hidden"
"""Those that cgroups make a difference to: what starts a daemon takes half a minute here."""


@pytest.mark.skipif(LINUX is None, reason="there is no user-mode Linux")
@pytest.mark.skipif(os.geteuid() != 0, reason="the plays of resources want root")
def test_the_kernel_holds_all_limits(tmp_path):
    ground = cgroups.find("uml")
    ground.leave()
    if ground.controllers >= set(cgroups.WANTED):
        pytest.skip("this machine holds them by itself")
    script, result = tmp_path / "script", tmp_path / "result"
    pytest_here = (
        f"timeout 600 python -m pytest -p no:cacheprovider -n 0 -q -rs -k '{WHICH}' {TESTS}"
    )
    script.write_text(f"cd {ROOT} && {pytest_here}\n")
    subprocess.run(
        [
            LINUX,
            *("mem=1G", "rootfstype=hostfs", "rootflags=/", "rw", "quiet", f"init={INIT}"),
            *("con0=null,fd:1", "con=null", f"SCRIPT={script}", f"RESULT={result}"),
            f"PROGRAMS={Path(sys.executable).parent}",
            f"PYTHONPATH={ROOT}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=800,
        check=False,
    )
    told = result.with_suffix(".log").read_text()
    assert result.read_text() == "0\n", told
    assert "cgroup v2" not in told, told  # the reason of those that are skipped without
