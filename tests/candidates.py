"""Workers that are nothing but what the rules see of them."""

from dataclasses import dataclass


@dataclass(eq=False)
class Fake:
    weight: int = 1
    ready_at: float = 0.0
    seed: int = 0
    in_flight: int = 0

    def load(self) -> int:
        return self.in_flight


def fakes(*weights: int) -> list[Fake]:
    return [Fake(weight, seed=1 << number) for number, weight in enumerate(weights)]
