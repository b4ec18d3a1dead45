"""Balancing: who of those that are available gets the next request. No clock, no chance inside."""
