"""For test suites: a server in a thread, and a world of its own for each test."""

from fakeserver.testing.handles import Admin, AdminError, ClockHandle, ProviderHandle, World
from fakeserver.testing.server import Server, running

__all__ = ["Admin", "AdminError", "ClockHandle", "ProviderHandle", "Server", "World", "running"]
