"""All state of a namespace: documents, clock, rate limits, journal and settings."""
