"""Sends the proxies' spans on: the one program that loads OpenTelemetry, and only where it is used.

It lives as long as its standard input: whatever becomes of the daemon, it sends what it has and
goes. Nobody waits for it, and its end loses nothing but what a receiver has not taken in time.
"""
