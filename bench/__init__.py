"""Measures every budget of the design as ratios and counts of one interleaved run: `make bench`."""
