"""The admin API: what a test may change and read."""
