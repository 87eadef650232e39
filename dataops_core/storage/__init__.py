"""The embedded backends, our tables, and opening stores by URL."""
