"""I/O on children: start, stop, output, usage."""
