from webqx_supervisor.core.wire.messages import Malformed, MalformedAnswer


def test_a_refusal_carries_its_status_and_its_reason():
    refusal = Malformed(431, "too many fields")
    assert (refusal.status, refusal.reason) == (431, "too many fields")
    assert str(refusal) == "431: too many fields"


def test_a_bad_answer_carries_its_reason():
    assert MalformedAnswer("the status line is malformed").reason == "the status line is malformed"


def test_the_two_are_not_mistaken_for_each_other():
    assert not issubclass(Malformed, MalformedAnswer)
    assert not issubclass(MalformedAnswer, Malformed)
