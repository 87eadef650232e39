"""Upkeep of the stores: sweeping what crashes left and what has had its time, and saying what is wrong."""
