"""What a sandbox runs: bash by `bashkit`, with bounds, with the sandbox's own time, and nothing of the host."""
