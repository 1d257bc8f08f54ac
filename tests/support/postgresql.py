"""A PostgreSQL of the tests' own: as an unprivileged user, on a private socket and a port of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import pytest

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name))
SUPERUSER, USER, PASSWORD = "tester", "member", "s3cret-Pa55"
SECONDS = 60
QUICK = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off", "shared_buffers": "16MB"}


def why_not() -> str | None:
    """Why there is none."""
    if not BINARIES:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and unprivileged() is None:
        return "PostgreSQL refuses to run as root, and there is no unprivileged user to run it as"
    return None


def unprivileged() -> str | None:
    known = {each.pw_name for each in pwd.getpwall()}
    user = next((name for name in ("postgres", "nobody") if name in known), None)
    return user if shutil.which("runuser") else None


class PostgreSQL:
    """One server, which may be stopped, killed and started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.state = folder / "state"
        self._settings = settings
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._become: list[str] = []
        if os.geteuid() == 0:
            user = unprivileged()
            assert user is not None
            shutil.chown(folder, user)
            self._become = ["runuser", "-u", user, "--"]
        self.run("initdb", "-D", str(self.state), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        rules = "local all all trust\nhost all tester 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (self.state / "pg_hba.conf").write_text(rules, encoding="ascii")

    def run(self, program: str, *arguments: str, text: str = "") -> str:
        command = [*self._become, str(BINARIES[-1] / program), *arguments]
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, encoding="utf-8", cwd=self.folder, timeout=SECONDS
        )
        assert done.returncode == 0, f"{program}: {done.stderr or done.stdout}"
        return done.stdout

    def start(self, **more: str) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            **self._settings,
            **more,
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = self.folder / "log"
        try:
            self.run("pg_ctl", "-D", str(self.state), "-w", "-s", "-l", str(log), "-o", options, "start")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{log.read_text('utf-8')[-2_000:]}") from error

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-D", str(self.state), "-m", mode, "-w", "-s", "stop")

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """None of its processes does anything."""
        processes = self._processes()
        for each in processes:
            os.kill(each, signal.SIGSTOP)
        try:
            yield
        finally:
            for each in processes:
                os.kill(each, signal.SIGCONT)

    def kill(self) -> None:
        """All of its processes at once, as when a machine loses its power."""
        # Stopped, it makes no more of them.
        os.kill(self.process, signal.SIGSTOP)
        processes = self._processes()
        for each in processes:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        deadline = time.monotonic() + SECONDS
        while any(map(is_there, processes)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        # Where nobody asks about processes that have ended, their numbers seem to be in use.
        (self.state / "postmaster.pid").unlink()
        (self.folder / f".s.PGSQL.{self.port}.lock").unlink()

    def _processes(self) -> list[int]:
        command = ["pgrep", "-P", str(self.process)]
        return [self.process, *map(int, subprocess.run(command, capture_output=True, text=True).stdout.split())]

    @property
    def process(self) -> int:
        return int((self.state / "postmaster.pid").read_text("ascii").splitlines()[0])

    def sql(self, text: str, database: str = "postgres") -> str:
        arguments = ["-h", str(self.folder), "-p", str(self.port), "-U", SUPERUSER, "-d", database]
        return self.run("psql", *arguments, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", text=text)

    def url(self, schema: str = "fakeserver", *, database: str = "postgres") -> str:
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}?schema={schema}"

    @cached_property
    def _member(self) -> None:
        self.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'; GRANT CREATE ON DATABASE postgres TO {USER}")

    def url_with_password(self, schema: str = "fakeserver", password: str = PASSWORD) -> str:
        self._member  # noqa: B018  # It makes the role.
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/postgres?schema={schema}"


def is_there(process: int) -> bool:
    """Whether a process goes on: what is left of one that nobody has asked about does nothing."""
    try:
        status = Path(f"/proc/{process}/stat").read_text("ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@contextmanager
def running(**settings: str) -> Iterator[PostgreSQL]:
    """A server until the block ends; skips the test where there is none."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        found = PostgreSQL(folder, **{**QUICK, **settings})
        found.start()
        try:
            yield found
        finally:
            if (found.state / "postmaster.pid").exists() and is_there(found.process):
                found.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
