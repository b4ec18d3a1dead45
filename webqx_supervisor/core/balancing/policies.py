"""From the words of services.toml to the rule that carries them out."""

from webqx_supervisor.core.balancing.candidate import C, Policy
from webqx_supervisor.core.balancing.hashing import Rendezvous
from webqx_supervisor.core.balancing.load import LeastConnections, TwoChoices
from webqx_supervisor.core.balancing.turns import RoundRobin, WeightedTurns
from webqx_supervisor.model import gateway


def policy(balance: gateway.Balance, seed: int) -> Policy[C]:
    """Return a new rule, which remembers nothing yet; `seed` differs from proxy to proxy."""
    even = not balance.weights and not balance.slow_start
    turns: Policy[C] = RoundRobin() if even else WeightedTurns[C](balance.slow_start)
    match balance.policy:
        case gateway.Policy.LEAST_CONNECTIONS:
            return LeastConnections[C](turns, balance.slow_start)
        case gateway.Policy.TWO_CHOICES:
            return TwoChoices[C](seed, balance.slow_start, even=even)
        case gateway.Policy.HASH:
            return Rendezvous[C]()
        case gateway.Policy.ROUND_ROBIN:
            return turns


def counts_load(balance: gateway.Balance) -> bool:
    """Say whether the rule looks at what is in flight, so that all proxies must count together."""
    return balance.policy in (gateway.Policy.LEAST_CONNECTIONS, gateway.Policy.TWO_CHOICES)
