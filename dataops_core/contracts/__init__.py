"""What plugins implement or are handed. Nothing in here imports more than the error tree and pluggy."""
