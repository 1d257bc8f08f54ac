"""Providers driven at random against plain models of them: sandboxes in a dictionary, a few lines on their states."""
