import sys

from webqx_supervisor.process import portable, procfs, table


def test_the_table_is_read_in_the_way_of_the_platform():
    room = procfs if sys.platform == "linux" else portable
    assert [getattr(table, name) for name in ("boot_id", "entries", "entry", "environment")] == [
        room.boot_id,
        room.entries,
        room.entry,
        room.environment,
    ]
