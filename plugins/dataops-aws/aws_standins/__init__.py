"""What stands in for AWS in tests: a server, and a network that loses, delays and repeats what is sent."""
