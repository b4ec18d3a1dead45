"""The verb doctor: what on this machine stands in the way."""
