"""Program 2: carries traffic. Knows the table, has no policy of its own life."""
