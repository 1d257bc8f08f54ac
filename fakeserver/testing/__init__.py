"""For test suites: a server in a thread, and a world of its own for each test."""

from fakeserver.testing.admin import Admin, AdminError
from fakeserver.testing.documents import Documents
from fakeserver.testing.faults import FaultName
from fakeserver.testing.handles import ClockHandle, ProviderHandle, World
from fakeserver.testing.interception import intercepted
from fakeserver.testing.server import Server, running

__all__ = [
    "Admin",
    "AdminError",
    "ClockHandle",
    "Documents",
    "FaultName",
    "ProviderHandle",
    "Server",
    "World",
    "intercepted",
    "running",
]
