"""Fake servers for sandbox providers' APIs, driven by their OpenAPI specs."""

__version__ = "0.1.0"
