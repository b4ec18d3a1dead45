"""Program 0: holds file descriptors and restarts the daemon. Standard library only."""
