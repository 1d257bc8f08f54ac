"""`fakeserver check`, the command."""
