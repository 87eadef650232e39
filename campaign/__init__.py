"""The campaign: kill -9 and worse under every operation; what was acknowledged must be there afterwards, once."""
