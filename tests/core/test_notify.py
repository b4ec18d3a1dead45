import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.notify import LONGEST_STATUS, Notice, parse


@pytest.mark.parametrize(
    ("datagram", "notice"),
    [
        (b"READY=1", Notice(ready=True)),
        (b"READY=1\n", Notice(ready=True)),
        (b"READY=0", Notice()),
        (b"RELOADING=1\nMONOTONIC_USEC=17", Notice(reloading=True)),
        (b"STOPPING=1\nSTATUS=so long", Notice(stopping=True, status="so long")),
        (b"STATUS=", Notice(status="")),
        (b"STATUS=a=b", Notice(status="a=b")),
        (b"STATUS=\x1b[31mred\tand \xff", Notice(status="[31mred and \N{REPLACEMENT CHARACTER}")),
        (b"WATCHDOG=1", Notice(alive=True)),
        (b"WATCHDOG=trigger", Notice(trigger=True)),
        (b"WATCHDOG_USEC=1500000", Notice(watchdog=1.5)),
        (b"WATCHDOG_USEC=0", Notice(watchdog=0.0)),
        (b"WATCHDOG_USEC=soon\nEXTEND_TIMEOUT_USEC=-1", Notice()),
        (b"EXTEND_TIMEOUT_USEC=30000000", Notice(extend=30.0)),
        (b"MAINPID=17\nBARRIER=1", Notice(main_pid="17", barrier=True)),
        (b"STATUS=one\nSTATUS=two", Notice(status="two")),
        (b"READY\nFDSTORE=1\nERRNO=2\n\n=", Notice()),
    ],
)
def test_a_datagram_means_what_sd_notify_says(datagram, notice):
    assert parse(datagram) == notice


@given(st.binary(max_size=600))
def test_any_datagram_is_read(datagram):
    status = parse(datagram).status
    assert status is None or (status.isprintable() and len(status) <= LONGEST_STATUS)
