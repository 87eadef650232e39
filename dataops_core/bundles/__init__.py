"""Bundles: one session in one file, with everything that it owns, to be loaded into any installation."""
