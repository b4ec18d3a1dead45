"""Rules: decisions as values. No I/O, no clock, no randomness; time is an argument."""
