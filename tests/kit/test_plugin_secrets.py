"""No credential is in anything that pytest shows or writes: not in the worst weather, not at its most talkative, and
not in the repr of anything that holds one."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from contract_tests.contract import Contract
from contract_tests.outcome import Options
from contract_tests.run import open_session
from contract_tests.sending.ask import Ask
from contract_tests.sending.secret import Secret
from contract_tests.sending.security import Scheme, Security
from contract_tests.sending.transport import Unreachable
from contract_tests.sending.wire import Wire
from fakeserver.serving.app import Settings
from fakeserver.testing.server import running
from tests.support.command import run_python

CANARY = "canary-4b7e92-token"
OTHER = "canary-0c55d1-other"
CANARIES = ("canary-4b7e92", "canary-0c55d1")
HELD = "http://127.0.0.1:9"
"""Nobody listens there."""
OURS = '''
import pytest
from contract_tests.sending.ask import Ask


def picky(check):
    """Rows are what we think."""
    transport, target, options = check.transport, check.target, check.options
    snapshot = check.snapshot()
    assert snapshot.rows == "rows", (check, transport, target)


def test_picky(contract):
    contract.hold(picky)


def test_by_hand(contract):
    check = contract.check
    recorder = check.transport
    wire = recorder.inner
    credentials = wire.credentials
    assert not wire, (contract, check, recorder, wire, credentials)


def test_never_sent(contract):
    contract.check.send(Ask("/x", credential="nobody"))


def test_another_host(contract):
    contract.check.send(Ask("//x"))


def test_fixture_values(contract, request, pytestconfig):
    options = vars(pytestconfig.option)
    print(options, pytestconfig.option)
    assert not options, pytestconfig.option
'''
UNFORESEEN = """
import httpx


def send(self, request, **more):
    headers = dict(request.headers)
    raise RuntimeError(f"not foreseen: {headers}")


httpx.Client.send = send
"""
INTERRUPTED = """
import httpx


def send(self, request, **more):
    headers = dict(request.headers)
    raise KeyboardInterrupt


httpx.Client.send = send
"""
TALKATIVE = ("-vv", "--showlocals", "--tb=long", "--full-trace", "-rA", "--capture=no", "--log-cli-level=DEBUG")
SHORT = ("-q", "--tb=short", "-rA", "--showlocals")
SPREAD = ("unreachable", "echo")
SEVERAL = ("-p", "xdist", "-n", "2", "-rA", "--showlocals", "-vv")


def answer_rubbish(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/9 what?\r\n\r\n\x00\xff")


def echo(connection: socket.socket) -> None:
    """Answers what cannot be decoded, with everything that was asked in its headers."""
    asked = connection.recv(65_536)
    lines = [b"X-" + line for line in asked.split(b"\r\n")[1:] if line]
    body = b"{" + asked.hex().encode()
    head = [b"HTTP/1.1 200 OK", b"Content-Type: application/json", b"Content-Length: %d" % len(body), *lines]
    connection.sendall(b"\r\n".join([*head, b"", b""]) + body)


def drop(connection: socket.socket) -> None:
    connection.recv(65_536)


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does this with each connection, and no more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@contextmanager
def late() -> Iterator[str]:
    """A deployment that takes any credential, and goes away when the laws have begun."""
    with running(Settings(size=60, rate_limits=False)) as server, server.world() as world:
        world.prime.fault(fault="CONNECTION_RESET_BY_PEER", after=4, times=10_000)
        yield world.prime.base_url


@contextmanager
def sound() -> Iterator[str]:
    with running(Settings(size=60, rate_limits=False)) as server:
        yield f"{server.base_url}/prime"


@contextmanager
def nobody() -> Iterator[str]:
    yield HELD


WEATHER: dict[str, Callable[[], object]] = {
    "unreachable": nobody,
    "drops": lambda: answering(drop),
    "rubbish": lambda: answering(answer_rubbish),
    "echo": lambda: answering(echo),
}


def run_pytest(folder: Path, base_url: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    options = ["--provider", "prime", "--base-url", base_url, "--junitxml=report.xml"]
    plugins = ["-p", "fakeserver.pytest_plugin"]
    command = ["-m", "pytest", *plugins, "--pyargs", "contract_tests", ".", *options, *arguments]
    return run_python(folder, *command, **more)


def shown(folder: Path, done: subprocess.CompletedProcess[str]) -> list[str]:
    """Where a canary stands in what a run has printed, or has written below its folder."""
    written = {str(path): path.read_text("utf-8", "replace") for path in folder.rglob("*") if path.is_file()}
    texts = {"stdout": done.stdout, "stderr": done.stderr, **written}
    return [f"{name}: {text.count(each)}" for name, text in texts.items() for each in CANARIES if each in text]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weather", "arguments"),
    [
        *(pytest.param(each, TALKATIVE, id=f"{each}-talkative") for each in WEATHER),
        *(pytest.param(each, SHORT, id=f"{each}-short") for each in WEATHER),
        # Several processes tell only whether somebody answers them; the rest waits for a soak.
        *(
            pytest.param(each, SEVERAL, id=f"{each}-several", marks=() if each in SPREAD else pytest.mark.soak)
            for each in WEATHER
        ),
    ],
)
def test_no_weather_shows_a_credential(tmp_path: Path, weather: str, arguments: tuple[str, ...]) -> None:
    """The packaged laws and a team's own, whose tracebacks show every variable; the cache of pytest included."""
    (tmp_path / "test_ours.py").write_text(OURS)
    with WEATHER[weather]() as base_url:  # type: ignore[attr-defined]
        done = run_pytest(tmp_path, base_url, *arguments, FAKESERVER_TOKEN=CANARY, FAKESERVER_OTHER_TOKEN=OTHER)
    assert "could not check: " in done.stdout, done.stdout + done.stderr
    assert shown(tmp_path, done) == []
    assert done.returncode != 0


@pytest.mark.slow
@pytest.mark.parametrize("deployment", [sound, late])
def test_no_traceback_of_a_test_shows_a_credential(tmp_path: Path, deployment: Callable[[], object]) -> None:
    """A team's own tests fail with the run's objects as their variables, given at the command line."""
    (tmp_path / "test_ours.py").write_text(OURS)
    with deployment() as base_url:  # type: ignore[attr-defined]
        tokens = ["--token", "prime-admin-key", "--other-token", OTHER]
        done = run_pytest(tmp_path, base_url, *TALKATIVE, "-k", "test_ours", *tokens)
    assert "FAILED test_ours.py::test_picky" in done.stdout
    assert "FAILED test_ours.py::test_by_hand" in done.stdout
    assert "FAILED test_ours.py::test_never_sent" in done.stdout
    assert shown(tmp_path, done) == []
    assert "prime-admin-key" not in done.stdout + done.stderr + (tmp_path / "report.xml").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("conftest", "status"), [(UNFORESEEN, 3), (INTERRUPTED, 2)], ids=["unforeseen", "interrupted"])
def test_nothing_unforeseen_shows_a_credential(tmp_path: Path, conftest: str, status: int) -> None:
    """An exception that nobody expects, from frames that have the headers in their variables and in its message."""
    (tmp_path / "conftest.py").write_text(conftest)
    tokens = ["--contract-token", CANARY, "--contract-other-token", OTHER]
    done = run_pytest(tmp_path, HELD, *TALKATIVE, *tokens)
    assert done.returncode == status, done.stdout + done.stderr
    assert shown(tmp_path, done) == []
    if status == 3:
        assert "could not check: the kit itself has failed: RuntimeError: not foreseen: " in done.stdout
        assert "[redacted]" in done.stdout


# In this process: whatever holds a credential.


def frames_below(frame: types.FrameType | None) -> Iterator[types.FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_ours(thing: object) -> bool:
    return type(thing).__module__.partition(".")[0] == "contract_tests"


def reachable(start: object) -> list[object]:
    """Every object that can be reached from this one without leaving through a module, a class or a function."""
    seen: dict[int, object] = {}
    left = [start]
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, types.ModuleType | type | types.FunctionType | types.FrameType):
            continue
        seen[id(thing)] = thing
        left += gc.get_referents(thing)
    return list(seen.values())


def leaks(things: dict[str, object]) -> list[str]:
    return [name for name, thing in things.items() if any(each in repr(thing) for each in CANARIES)]


@pytest.fixture
def contract() -> Iterator[tuple[Contract, list[str]]]:
    """A live session whose every request is looked at while it is under way: which variables of the kit's frames would
    show a credential?"""
    found: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        for frame in frames_below(sys._getframe()):
            module = frame.f_globals["__name__"]
            if module.startswith("contract_tests."):
                found.extend(f"{module}.{frame.f_code.co_name}: {name}" for name in leaks(dict(frame.f_locals)))
                carried.append(module)
        return httpx.Response(200, json={"sandboxes": [], "total": 0, "page": 1, "perPage": 1000, "hasNext": False})

    carried: list[str] = []
    client = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=False)
    security = Security((Scheme("Authorization", "Bearer "), Scheme("X-API-Key")))
    wire = Wire("https://api.example.test", security, {"token": CANARY, "other": OTHER}, rate=None, client=client)
    session = open_session("prime", wire, Options(has_other=True))
    yield Contract(session, "https://api.example.test", {law.name for law in session.laws}, []), found
    assert "contract_tests.sending.wire" in carried


def test_no_object_and_no_variable_of_the_kit_shows_a_credential(contract: tuple[Contract, list[str]]) -> None:
    """Of everything that a session leads to, and of every frame while it sends: by GET and HEAD, alone and together,
    with whichever credential."""
    deployment, found = contract
    check = deployment.check
    for credential in ("token", "other", "malformed", "truncated", "recased"):
        for method in ("GET", "HEAD"):
            check.transport.send(Ask("/api/v1/sandbox", credential=credential, method=method))
    check.transport.together([Ask("/api/v1/sandbox", channel="X-API-Key")] * 2)
    things = [thing for thing in reachable(deployment) if is_ours(thing)]
    kinds = {type(thing).__name__ for thing in things}
    assert {"Wire", "Credentials", "Security", "Scheme", "Recorder", "Check", "Session", "Secret"} <= kinds
    assert leaks({f"{type(thing).__name__} {index}": thing for index, thing in enumerate(things)}) == []
    assert found == []


@pytest.mark.parametrize("error", [RuntimeError, UnicodeError, KeyboardInterrupt, MemoryError])
def test_what_fails_while_sending_keeps_no_frames(error: type[BaseException]) -> None:
    """Neither its own nor those of what it came from: of libraries nobody knows what stands in their variables."""

    def answer(request: httpx.Request) -> httpx.Response:
        raised = dict(request.headers)
        try:
            raise LookupError(len(raised))
        except LookupError as cause:
            raise error("oh") from cause

    client = httpx.Client(transport=httpx.MockTransport(answer))
    security = Security((Scheme("Authorization", "Bearer "),))
    wire = Wire("https://api.example.test", security, {"token": CANARY}, rate=None, client=client)
    recorder = open_session("prime", wire, Options()).check.transport
    with pytest.raises((error, Unreachable)) as caught:
        recorder.send(Ask("/x"))
    texts = [str(caught.getrepr(showlocals=True, style="long", tbfilter=False)), str(caught.getrepr(funcargs=True))]
    assert not [text for text in texts if CANARY in text]
    names = {entry.frame.code.path for entry in caught.traceback}
    assert not [path for path in names if "httpx" in str(path) or str(path).endswith("wire.py")]


def test_a_secret_is_a_text_that_is_not_shown() -> None:
    """It is sent and compared as any other."""
    secret = Secret(CANARY)
    assert (secret, f"{secret}", secret.encode()) == (CANARY, CANARY, CANARY.encode())
    assert not leaks({"alone": secret, "inside": {"authorization": [secret]}, "error": KeyError(secret)})


def test_no_variable_of_the_environment_is_needed_in_a_report() -> None:
    """What this file relies on: nothing sets these where the tests run."""
    assert not [name for name in ("FAKESERVER_TOKEN", "FAKESERVER_OTHER_TOKEN") if name in os.environ]
