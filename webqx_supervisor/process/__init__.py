"""I/O on children: start, watch and end worker processes, and keep what they print.

Everything here works alike for children and for workers that an earlier daemon started.
"""
