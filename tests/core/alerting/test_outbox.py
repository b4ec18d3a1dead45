"""When a receiver is told."""

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.alerting.alarms import Finding, Notice, Turn
from webqx_supervisor.core.alerting.outbox import HOUR, KEPT, LONGEST_RETRY, Outbox
from webqx_supervisor.model.alerts import Condition


def notice(number=0):
    return Notice(Turn.BEGINS, Finding(Condition.DOWN, f"s{number}", "text"), 0.0, 0.0)


def test_what_comes_together_is_told_together():
    box = Outbox(together=10.0, most=20)
    assert box.due is None
    box.put([notice(1)], 100.0)
    box.put([notice(2)], 109.0)
    assert box.due == 110.0
    box.sent(2, 110.0)
    assert (box.waiting, box.due) == ([], None)


def test_what_comes_while_it_is_sent_stays():
    box = Outbox(together=10.0, most=20)
    box.put([notice(1)], 0.0)
    box.put([notice(2)], 10.0)
    box.sent(1, 11.0)
    assert [each.finding.subject for each in box.waiting] == ["s2"]
    assert box.due == 21.0


def test_what_failed_is_tried_again_after_longer_and_longer():
    box = Outbox(together=0.0, most=0)
    box.put([notice()], 0.0)
    pauses = [box.failed(100.0, 0.0) for _ in range(10)]
    assert pauses[:4] == [5.0, 10.0, 20.0, 40.0]
    assert pauses[-1] == LONGEST_RETRY
    assert box.due == 100.0 + LONGEST_RETRY
    box.sent(1, 200.0)
    box.put([notice()], 300.0)
    assert box.failed(300.0, 1.0) == 7.5


def test_of_too_many_the_oldest_are_dropped_and_counted():
    box = Outbox(together=0.0, most=0)
    box.put([notice(number) for number in range(KEPT + 7)], 0.0)
    assert (len(box.waiting), box.dropped) == (KEPT, 7)
    assert box.waiting[0].finding.subject == "s7"
    box.sent(KEPT, 1.0)
    assert box.dropped == 0


@given(st.lists(st.floats(0, 600), min_size=1, max_size=80), st.integers(1, 5))
def test_never_more_messages_in_an_hour_than_are_wanted(steps, most):
    box, now, sent = Outbox(together=1.0, most=most), 0.0, []
    for step in steps:
        now += step
        box.put([notice()], now)
        if box.due <= now:
            box.sent(len(box.waiting), now)
            sent.append(now)
    for at in sent:
        assert sum(at - HOUR < other <= at for other in sent) <= most
