"""How many processes the kernel has killed for want of memory."""

from pathlib import Path

import psutil

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


def test_there_is_as_much_as_the_kernel_says():
    total, available = memory.headroom()
    machine = psutil.virtual_memory()
    assert 0 < available <= total <= machine.total


def test_the_tightest_limit_of_a_cgroup_counts_and_file_cache_can_be_dropped(tmp_path, monkeypatch):
    inner = tmp_path / "system" / "own"
    inner.mkdir(parents=True)
    for folder, limit, used, cache in (
        (inner, "max", 0, 0),
        (inner.parent, "200000000", 150_000_000, 30_000_000),
        (tmp_path, "400000000", 310_000_000, 1_000_000),
    ):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {cache}\nactive_file 7\n")
    monkeypatch.setattr(memory, "_ROOT", tmp_path)
    monkeypatch.setattr(memory, "_own_cgroup", lambda: inner)
    assert memory.headroom() == (200_000_000, 80_000_000)
