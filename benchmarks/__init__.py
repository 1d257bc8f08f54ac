"""Side by side with other mock servers, and how our own answers grow with the world: `python -m benchmarks`."""
