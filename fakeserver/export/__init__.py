"""A provider's documents, and what its table says of them, as files that run without a server."""
