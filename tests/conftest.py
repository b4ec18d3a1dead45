"""What holds for every test."""

import signal

from hypothesis import HealthCheck, settings

# A shell has what it runs in the background ignore these, and every child would inherit that.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, usual)

# How long an example takes says how busy the machine is, and no test may depend on that.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_collection_modifyitems(items):
    """Have the longest begin first: whoever has it last would have all others wait."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)
