"""Program 1: supervises. Services, workers, probes, journal, control socket."""
