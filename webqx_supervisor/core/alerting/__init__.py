"""Alerts without I/O.

alarms: from what holds now to what is to be told · outbox: when it is sent · forms: as what.
"""
