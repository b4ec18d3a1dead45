import pytest

from webqx_supervisor.core.doctor import place
from webqx_supervisor.model.finding import Level


def test_every_missing_promise_is_named_off_linux():
    assert [f.level for f in place.promises("linux")] == [Level.OK]
    notes = place.promises("darwin")
    assert len(notes) == len(place.MISSING_OFF_LINUX)
    assert all(note.level is Level.NOTE and "darwin" in note.text for note in notes)


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (place.pidfd(works=True), Level.OK),
        (place.pidfd(works=False), Level.PROBLEM),
        (place.sock_diag(works=True), Level.OK),
        (place.sock_diag(works=False), Level.WARNING),
        (place.compiled(yes=True, asked_for_pure=False), Level.OK),
        (place.compiled(yes=False, asked_for_pure=False), Level.WARNING),
        (place.compiled(yes=False, asked_for_pure=True), Level.WARNING),
        (place.clock(0, synchronised=None), Level.PROBLEM),
        (place.clock(2e9, synchronised=False), Level.NOTE),
        (place.clock(2e9, synchronised=True), Level.OK),
        (place.clock(2e9, synchronised=None), Level.OK),
        (place.time_zone("Europe/Berlin", schedules=True), Level.NOTE),
        (place.time_zone("Europe/Berlin", schedules=False), Level.OK),
        (place.time_zone("Etc/UTC", schedules=True), Level.OK),
        (place.cgroup(version=2, writable=True), Level.OK),
        (place.cgroup(version=2, writable=False), Level.NOTE),
        (place.cgroup(version=1, writable=False), Level.NOTE),
        (place.state_folder("/s", ""), Level.OK),
        (place.state_folder("/s", "no"), Level.PROBLEM),
        (place.boot("", enabled=False, missing=()), Level.NOTE),
        (place.boot("/u", enabled=True, missing=("/gone",)), Level.PROBLEM),
        (place.boot("/u", enabled=False, missing=()), Level.WARNING),
        (place.boot("/u", enabled=True, missing=()), Level.OK),
        (place.left_over("/u", "/gone"), Level.WARNING),
        (place.linger("ada", yes=True), Level.OK),
        (place.linger("ada", yes=False), Level.WARNING),
    ],
)
def test_what_is_serious(finding, level):
    assert finding.level is level
    assert finding.remedy or level in (Level.OK, Level.NOTE, Level.WARNING)
