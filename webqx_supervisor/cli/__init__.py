"""Program 3: webqx-sv, a thin client of the control socket."""
