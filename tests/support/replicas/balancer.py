"""A balancer of TCP connections, one after the other to each server; it does not look into them.

`python -m tests.support.replicas.balancer PORT…` writes its own port, and ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle

HOST = "127.0.0.1"
PIECE = 65_536


async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(PIECE):
            target.write(piece)
            await target.drain()
    with contextlib.suppress(OSError):
        target.close()


class Balancer:
    """Of so many ports; one where nobody answers is passed over."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._count = len(ports)
        self._next = cycle(ports)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(self._count):
            try:
                found = await asyncio.open_connection(HOST, next(self._next))
            except OSError:
                continue
            await asyncio.gather(pass_on(reader, found[1]), pass_on(found[0], writer))
            return
        writer.close()

    async def run(self) -> None:
        server = await asyncio.start_server(self.connect, HOST, 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextmanager
def balanced(ports: Sequence[int]) -> Iterator[int]:
    """The port of a balancer of these, which is a process of its own."""
    command = [sys.executable, "-m", __name__, *map(str, ports)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(Balancer([*map(int, sys.argv[1:])]).run())
