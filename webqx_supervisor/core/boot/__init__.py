"""Whatever starts a daemon when the machine does: what it reads, as text."""
