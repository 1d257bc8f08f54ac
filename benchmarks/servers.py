"""Server processes: started, waited for, weighed and stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

HOST = "127.0.0.1"
POLL_SECONDS = 0.004
START_LIMIT_SECONDS = 120.0
STOP_LIMIT_SECONDS = 5.0
LOG_CHARACTERS = 600


class ServerError(Exception):
    """A server did not come up; the message holds the end of its log."""


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started; `{port}` in the command is replaced by a free one."""

    command: Sequence[str]
    target: str
    """The request whose answer says that the server is up."""
    headers: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    """Names in lower case."""


class Server:
    """A running server, from its start to its end."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.port = free_port()
        self.base_url = f"http://{HOST}:{self.port}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the server
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [part.replace("{port}", str(self.port)) for part in launch.command],
            cwd=launch.folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait(started + START_LIMIT_SECONDS)
        except ServerError:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - started

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> Response:
        """One request on a connection of its own, with the launch's headers unless others are given."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=START_LIMIT_SECONDS)
        try:
            connection.request("GET", target, headers=dict(self.launch.headers if headers is None else headers))
            response = connection.getresponse()
            return Response(
                response.status, response.read(), {name.lower(): text for name, text in response.headers.items()}
            )
        finally:
            connection.close()

    def memory_mb(self) -> float | None:
        """Resident memory of the server and everything it started."""
        return tree_memory_mb(self._process.pid)

    def cpu_seconds(self) -> float | None:
        """Processor time that the server and everything it started have used so far."""
        return tree_cpu_seconds(self._process.pid)

    def stop(self) -> None:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, sign)
            except ProcessLookupError:
                break
            try:
                self._process.wait(STOP_LIMIT_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        self._log.close()

    def _wait(self, deadline: float) -> None:
        while time.perf_counter() < deadline:
            if self._process.poll() is not None:
                raise ServerError(f"ended with code {self._process.returncode}: {self._end_of_log()}")
            try:
                status = self.get(self.launch.target).status
            except OSError:
                time.sleep(POLL_SECONDS)
                continue
            except http.client.HTTPException as error:
                raise ServerError(f"answered no HTTP: {error!r}") from error
            if status == 200:
                return
            if status < 500 and status != 404:
                raise ServerError(f"answered {status}: {self._end_of_log()}")
            time.sleep(POLL_SECONDS)
        raise ServerError(f"did not answer within {START_LIMIT_SECONDS:.0f} s: {self._end_of_log()}")

    def _end_of_log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")[-LOG_CHARACTERS:].strip()


def tree_memory_mb(root: int) -> float | None:
    """Resident memory of a process and its descendants; None where there is no /proc."""
    tree = process_tree(root)
    return None if tree is None else sum(resident_bytes(each) for each in tree) / 2**20


def tree_cpu_seconds(root: int) -> float | None:
    """Processor time that a process and its living descendants have used; None where there is no /proc."""
    tree = process_tree(root)
    return None if tree is None else sum(map(cpu_seconds, tree))


def process_tree(root: int) -> set[int] | None:
    if not Path("/proc/self/stat").exists():
        return None
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := stat_fields(int(folder.name))):
            parents[int(folder.name)] = int(fields[1])
    tree, grown = {root}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in tree} - tree
        tree |= more
        grown = bool(more)
    return tree


def stat_fields(process: int) -> list[str]:
    """The fields of /proc/N/stat behind the command's name, which stands in brackets and may hold anything."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def cpu_seconds(process: int) -> float:
    """In user code and in the kernel."""
    fields = stat_fields(process)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def resident_bytes(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
