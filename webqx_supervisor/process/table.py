"""The process table of this machine, whichever way the platform shows it."""

import sys

if sys.platform == "linux":
    from webqx_supervisor.process.procfs import (
        Entry,
        age,
        boot_id,
        descriptors,
        entries,
        entry,
        environment,
    )
else:
    from webqx_supervisor.process.portable import (
        age,
        boot_id,
        descriptors,
        entries,
        entry,
        environment,
    )
    from webqx_supervisor.process.procfs import Entry

__all__ = ["Entry", "age", "boot_id", "descriptors", "entries", "entry", "environment"]
