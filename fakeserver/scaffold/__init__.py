"""`fakeserver new`: a plugin's skeleton, written from a vendor's own OpenAPI file."""
