"""From the path of a services.toml to its Config, on this machine."""

import os
from pathlib import Path

from webqx_supervisor.config.files import read_services_toml
from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.config import Config


def compile_file(file: Path, environment: str = "") -> Config:
    """Read and check the file, for that environment. Raises ConfigError with every problem."""
    text = read_services_toml(file)
    return parse(text, str(file), usable_cpus(), environment=environment)


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    # An affinity mask (taskset, cpuset of a container) is known on Linux only.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
