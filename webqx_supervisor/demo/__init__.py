"""An embedded demo backend, so that a fresh checkout has something to host."""
