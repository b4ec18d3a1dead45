"""proxy/timing.py: where the time of a request goes."""

from webqx_supervisor.proxy.timing import Timing


def test_each_part_is_told_in_milliseconds():
    timing = Timing(10.0)
    timing.claimed(10.5)
    timing.connected(10.502)
    assert timing.line(10.602) == (
        b"Server-Timing: queue;dur=500.0, connect;dur=2.0, worker;dur=100.0\r\n"
    )


def test_a_kept_connection_takes_no_time():
    timing = Timing(1.0)
    timing.claimed(1.0)
    assert timing.line(1.25) == (
        b"Server-Timing: queue;dur=0.0, connect;dur=0.0, worker;dur=250.0\r\n"
    )


def test_what_a_worker_took_that_gave_no_answer_counts_as_waiting():
    timing = Timing(0.0)
    timing.claimed(1.0)
    timing.connected(2.0)
    timing.claimed(4.0)
    timing.connected(5.0)
    assert timing.line(6.0) == (
        b"Server-Timing: queue;dur=3000.0, connect;dur=2000.0, worker;dur=1000.0\r\n"
    )
