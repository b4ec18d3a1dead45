import pytest
from candidates import Fake, fakes

from webqx_supervisor.core.balancing.hashing import Rendezvous
from webqx_supervisor.core.balancing.load import LeastConnections, TwoChoices
from webqx_supervisor.core.balancing.policies import counts_load, policy
from webqx_supervisor.core.balancing.turns import RoundRobin, WeightedTurns
from webqx_supervisor.model.gateway import Balance, Policy


@pytest.mark.parametrize(
    ("balance", "kind"),
    [
        (Balance(), RoundRobin),
        (Balance(slow_start=1), WeightedTurns),
        (Balance(weights=((1, 2),)), WeightedTurns),
        (Balance(Policy.LEAST_CONNECTIONS), LeastConnections),
        (Balance(Policy.TWO_CHOICES), TwoChoices),
        (Balance(Policy.HASH), Rendezvous),
    ],
)
def test_each_policy_has_its_rule(balance: Balance, kind: type) -> None:
    assert type(policy(balance, 1)) is kind


@pytest.mark.parametrize("name", list(Policy))
@pytest.mark.parametrize("weights", [(), ((1, 3),)])
def test_every_rule_picks_what_is_available_and_nothing_else(
    name: Policy, weights: tuple[tuple[int, int], ...]
) -> None:
    rule = policy(Balance(name, weights=weights), 5)
    everyone = fakes(3, 1, 1)
    assert rule.pick([], 0, b"key") is None
    for some in ([0, 1, 2], [1, 2], [2], [0], [0, 2]):
        available: list[Fake] = [everyone[at] for at in some]
        assert all(rule.pick(available, 0, b"key") in available for _ in range(9))


def test_only_rules_that_look_at_the_load_need_it_counted() -> None:
    needed = [name for name in Policy if counts_load(Balance(name))]
    assert needed == [Policy.LEAST_CONNECTIONS, Policy.TWO_CHOICES]
