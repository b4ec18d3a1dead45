"""How the number of a service's workers follows its load. Times in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Autoscale:
    """Between `min` and `max` there are as many workers as the targets ask for; 0: no such target.

    With both targets it is the one that asks for more that counts.
    """

    min: int
    max: int
    target_in_flight: int = 0
    """Requests that each worker may have at once, those that wait for one included."""
    target_cpu: float = 0.0
    """What each worker's processes may use of the CPU, in cores."""
    cooldown: float = 60.0
    """For which a smaller number must have sufficed before workers leave."""
    idle: float = 900.0
    """For which no request may have come before the last worker leaves; counts if `min` is 0."""
