from dataclasses import replace

import pytest

from webqx_supervisor.core.hang import hangs, silence
from webqx_supervisor.model.link import Count

NOW, TIMEOUT = 1000.0, 30.0
ME = "api:1@100"
SILENT = Count(ME, 3, 9, waiting=3, silent_for=40.0, heard_at=NOW - 40)
WELL = Count("api:2@200", 1, 70, waiting=1, silent_for=0.1, heard_at=NOW - 0.1)


def judged(*counts: Count, timeout: float = TIMEOUT) -> str | None:
    found = silence(counts, ME, NOW, timeout)
    return None if found is None else str(found)


def test_the_only_silent_one_is_suspicious():
    assert judged(SILENT, WELL) == "no byte for 40.0 s of 3 requests while its peers answered"


def test_one_request_is_not_called_several():
    text = judged(replace(SILENT, waiting=1), WELL)
    assert text is not None
    assert "of 1 request while" in text


def test_one_that_has_never_answered_anything_is_silent_since_its_first_request():
    assert judged(replace(SILENT, heard_at=0.0, silent_for=31.0), WELL) is not None
    assert judged(replace(SILENT, heard_at=0.0, silent_for=29.0), WELL) is None


@pytest.mark.parametrize(
    "own",
    [
        replace(SILENT, silent_for=29.9),
        replace(SILENT, waiting=0, silent_for=0.0),
        replace(SILENT, heard_at=NOW - 29.9),
        replace(SILENT, heard_at=None),
        replace(SILENT, held=True),
    ],
    ids=["not long enough", "nothing waits", "heard", "an older proxy", "a slow client"],
)
def test_a_reason_to_spare_it_is_enough(own):
    assert judged(own, WELL) is None


@pytest.mark.parametrize(
    "peer",
    [
        replace(WELL, heard_at=NOW - 15.1),
        replace(WELL, heard_at=NOW - 70.1, waiting=0),
        replace(WELL, heard_at=0.0),
        replace(WELL, heard_at=None),
        replace(WELL, upstream="web:2@200"),
        replace(WELL, upstream=ME),
    ],
    ids=["silent too", "long idle", "never asked", "unknown", "of another service", "itself"],
)
def test_without_a_peer_that_answers_nobody_is_judged(peer):
    assert judged(SILENT, peer) is None


def test_a_peer_that_has_answered_all_it_was_asked_not_long_before_will_do():
    assert judged(SILENT, replace(WELL, heard_at=NOW - 69.9, waiting=0)) is not None


def test_a_lone_worker_is_never_judged():
    assert judged(SILENT) is None


def test_one_that_no_proxy_knows_is_not_judged():
    assert judged(WELL) is None


def test_what_another_proxy_has_heard_breaks_the_silence():
    elsewhere = Count(ME, 0, 1, heard_at=NOW - 1)
    assert judged(SILENT, elsewhere, WELL) is None
    assert judged(SILENT, replace(elsewhere, heard_at=NOW - 35), WELL) == (
        "no byte for 35.0 s of 3 requests while its peers answered"
    )


def test_a_slow_client_at_another_proxy_may_hold_it_up():
    assert judged(SILENT, Count(ME, 1, 1, heard_at=NOW - 50, held=True), WELL) is None


def test_requests_of_all_proxies_are_counted():
    text = judged(SILENT, replace(SILENT, waiting=2, silent_for=33.0), WELL)
    assert text is not None
    assert text.startswith("no byte for 40.0 s of 5 requests")


def test_a_timeout_of_zero_condemns_nobody_that_nothing_waits_for():
    assert judged(replace(SILENT, waiting=0, silent_for=0.0), WELL, timeout=0.0) is None


def test_a_busy_one_is_spared_for_its_patience():
    found = silence([SILENT, WELL], ME, NOW, TIMEOUT)
    assert found is not None
    assert hangs(found, busy=False, patience=60)
    assert not hangs(found, busy=True, patience=60)
    assert hangs(found, busy=True, patience=40)
