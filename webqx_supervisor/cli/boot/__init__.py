"""The verbs startup and unstartup: a daemon that comes with the machine."""
