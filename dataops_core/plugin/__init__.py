"""Plugins: what is installed, found without importing it, and brought in one by one so that none can harm another."""
