"""How many processes the kernel has killed for want of memory."""

from pathlib import Path

from webqx_supervisor.process import memory


def test_it_is_what_the_kernel_counts():
    (line,) = [
        line for line in Path("/proc/vmstat").read_text().splitlines() if "oom_kill " in line
    ]
    assert memory.kills() >= int(line.split()[1])


def test_the_higher_of_machine_and_cgroup_counts(tmp_path, monkeypatch):
    (tmp_path / "memory.events").write_text("oom 9\noom_kill 1000000\noom_group_kill 3\n")
    monkeypatch.setattr(memory, "_own_cgroup", lambda: tmp_path)
    assert memory.kills() == 1_000_000
