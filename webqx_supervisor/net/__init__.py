"""I/O on sockets: the reactor, channels, listeners."""
