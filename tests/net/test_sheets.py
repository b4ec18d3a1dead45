import os
import sys
from contextlib import suppress

import pytest

from webqx_supervisor.core.counting import IN_FLIGHT, NUMBERS, OTHER, RETRIES, Kind
from webqx_supervisor.net import sheets
from webqx_supervisor.net.sheets import ENTRIES, RESERVED, Sheet, Sheets

ROUTE = (Kind.ROUTE, "web:/", "api")


@pytest.fixture
def book():
    book = Sheets(sheets.create())
    yield book
    book.close()


def count(sheet: Sheet, key, which: int, change: int = 1) -> None:
    sheet.words[sheet.place(key) + which] += change


def retries(book: Sheets, key=ROUTE) -> int:
    return book.all()[key][RETRIES]


def proxy(book: Sheets, number: int, pid: int) -> Sheet:
    book.give(number, pid)
    return Sheet.of_proxy(book.fd, number)


def test_what_proxies_and_daemon_count_is_added_up(book):
    count(proxy(book, 0, 11), ROUTE, RETRIES, 3)
    count(proxy(book, 1, 12), ROUTE, RETRIES, 4)
    count(book.own, (Kind.LIFE, "api", "1"), 0)
    assert retries(book) == 7
    assert book.all()[Kind.LIFE, "api", "1"][0] == 1


def test_what_one_has_counted_stays_when_it_ends_and_its_sheet_is_free(book):
    sheet = proxy(book, 0, 11)
    count(sheet, ROUTE, RETRIES, 3)
    count(sheet, ROUTE, IN_FLIGHT)
    book.take_back(0)
    assert book.owners()[0] == sheets.FREE
    assert retries(book) == 3
    assert book.all()[ROUTE][IN_FLIGHT] == 0
    count(proxy(book, 0, 12), ROUTE, RETRIES, 5)
    assert retries(book) == 8
    book.take_back(0)
    assert retries(book) == 8


class Killed(Exception):  # noqa: N818 - what happens to it
    pass


def killed_after(lines: int, action) -> bool:
    """Do something until so many lines of net.sheets have run; say whether it was not done."""
    left = lines

    def trace(frame, event, _):
        nonlocal left
        if frame.f_code.co_filename != sheets.__file__:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with suppress(Killed):
            action()
            return False
    finally:
        sys.settrace(before)
    return True


def test_it_is_counted_once_whenever_the_daemon_is_killed():
    lines, cut_short = 0, True
    while cut_short:
        book = Sheets(sheets.create())
        for pid, number in ((11, 0), (12, 1)):
            sheet = proxy(book, number, pid)
            for name in ("web:/", "web:/b"):
                count(sheet, (Kind.ROUTE, name, "api"), RETRIES, pid)
        book.take_back(1)  # so that there is a total already
        cut_short = killed_after(lines, lambda book=book: book.take_back(0))
        after = Sheets(os.dup(book.fd))  # the next daemon
        for number, owner in enumerate(after.owners()):
            if owner != sheets.FREE:
                after.take_back(number)
        assert retries(after) == 23, lines
        assert retries(after, (Kind.ROUTE, "web:/b", "api")) == 23, lines
        assert proxy(after, 0, 13).entries() == {}
        book.close()
        after.close()
        lines += 11
    assert lines > 400  # it was cut short often


def test_an_entry_that_is_dropped_gives_its_room_to_others(book):
    sheet = proxy(book, 0, 11)
    for number in range(3 * ENTRIES):
        key = (Kind.ROUTE, f"web:/{number}", "api")
        count(sheet, key, RETRIES)
        sheet.drop(key)
    assert sheet.entries() == {}
    assert not any(numbers[RETRIES] for numbers in book.all().values())
    count(sheet, ROUTE, RETRIES)
    assert retries(book) == 1


def test_what_there_is_no_room_for_is_counted_together(book):
    sheet = proxy(book, 0, 11)
    for number in range(ENTRIES + 10):
        count(sheet, (Kind.ROUTE, f"web:/before/{number}", "api"), RETRIES)
    sheet.clear()  # what was reserved stays so
    for number in range(ENTRIES + 10):
        count(sheet, (Kind.ROUTE, f"web:/{number}", "api"), RETRIES)
        count(sheet, (Kind.ANSWERS, f"web:/{number}", "api", "2"), 0)
    found = book.all()
    assert len(found) <= ENTRIES
    assert sum(numbers[RETRIES] for key, numbers in found.items() if key[0] == Kind.ROUTE) == (
        ENTRIES + 10
    )
    assert found[Kind.ROUTE, OTHER, OTHER][RETRIES] > RESERVED
    assert found[Kind.ANSWERS, OTHER, OTHER, "2"][0] > RESERVED
    book.take_back(0)
    assert book.all()[Kind.ROUTE, OTHER, OTHER] == found[Kind.ROUTE, OTHER, OTHER]


def test_a_key_that_is_too_long_is_no_reason_to_fail(book):
    count(book.own, (Kind.ROUTE, "x" * 300, "api"), RETRIES)
    assert book.all()[Kind.ROUTE, OTHER, OTHER][RETRIES] == 1


def test_a_sheet_that_is_found_again_goes_on(book):
    count(proxy(book, 3, 11), ROUTE, RETRIES)
    again = Sheet.of_proxy(book.fd, 3)
    count(again, ROUTE, RETRIES)
    count(again, (Kind.QUEUE, "api"), 0)
    assert retries(book) == 2
    assert again.identity == Sheet.of_proxy(book.fd, 3).identity != (0, 0)


def test_a_map_of_another_layout_is_refused():
    fd = os.memfd_create("other") if hasattr(os, "memfd_create") else sheets.create()
    os.ftruncate(fd, sheets.SIZE)
    os.pwrite(fd, b"\0" * 16, 0)
    with pytest.raises(ValueError, match="layout"):
        Sheets(fd)
    with pytest.raises(ValueError, match="layout"):
        Sheet.of_proxy(fd, 0)
    os.close(fd)


def test_an_empty_file_is_refused(tmp_path):
    fd = os.open(tmp_path / "empty", os.O_RDWR | os.O_CREAT)
    with pytest.raises((OSError, ValueError)):
        Sheets(fd)
    os.close(fd)


def test_a_reader_sees_only_entries_that_are_whole(book):
    sheet = proxy(book, 0, 11)
    for lines in range(120):
        killed_after(lines, lambda: sheet.place((Kind.ROUTE, "half", "api")))
        for key, numbers in Sheet.of_proxy(book.fd, 0).entries().items():
            assert key == (Kind.ROUTE, "half", "api")
            assert numbers == [0] * NUMBERS
        sheet.clear()


def test_pages_that_nobody_writes_cost_nothing(book):
    count(proxy(book, 0, 11), ROUTE, RETRIES)
    book.all()
    assert os.fstat(book.fd).st_blocks * 512 < 1024 * 1024
