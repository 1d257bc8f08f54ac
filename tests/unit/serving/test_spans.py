"""Spans name operation and injected fault, where somebody wants them, and cost nothing where nobody does."""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakeserver.serving import spans
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.serving.logs import AccessLog, AnswersAtOnce
from fakeserver.serving.spans import Spans, exporter_names, observed
from tests.support.asgi import PATHS, header_of
from tests.support.command import serving
from tests.unit.serving.test_logs import ask, scope_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SECRET = "prime-admin-key"


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({}, []),
        ({"OTEL_SERVICE_NAME": "mine"}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, ["otlp_proto_http"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, []),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ["console", "otlp_proto_http"]),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ["otlp_proto_grpc"]),
    ],
)
def test_the_variables_are_opentelemetrys(variables: dict[str, str], names: list[str]) -> None:
    assert exporter_names(variables) == names


@pytest.mark.slow
def test_without_an_exporter_nothing_is_there() -> None:
    """The application is served as it is, and nothing of OpenTelemetry is loaded by what serves it."""
    app = create_app(Settings(size=10))
    assert observed(app, {}) == (app, None)
    script = "import sys, fakeserver.serving.command; sys.exit(any('opentelemetry' in each for each in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


@pytest.mark.parametrize("lacking", ["opentelemetry.sdk.trace", "no_such_exporter"])
def test_what_is_lacking_is_named_and_keeps_nothing_from_being_served(
    lacking: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(Settings(size=10))
    name = "console"
    if lacking == "no_such_exporter":
        pytest.importorskip("opentelemetry.sdk.trace")
        name = lacking
    else:
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with caplog.at_level(logging.WARNING, "fakeserver"):
        assert observed(app, {"OTEL_TRACES_EXPORTER": name}) == (app, None)
    (record,) = caplog.records
    assert "[otel]" in record.getMessage()
    assert "pip install" in record.getMessage()


Spanned = Callable[..., dict[str, Any]]


@pytest.fixture(params=["at once", "by a task"])
def span(request: pytest.FixtureRequest) -> Spanned:
    """The span of one request, whichever way its answer takes."""
    pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # As with --access-log, which observes the same requests.
    app: AnswersAtOnce = AccessLog(Spans(create_app(Settings(size=10)), provider))

    def span_of(path: str, query: bytes = b"", **headers: str) -> dict[str, Any]:
        exporter.clear()
        scope = scope_of(path, query, **headers)
        answer = app.at_once(scope) if request.param == "at once" else None
        if answer is None or not exporter.get_finished_spans():
            asyncio.run(ask(app, scope_of(path, query, **headers)))
        (found,) = exporter.get_finished_spans()
        assert SECRET not in found.to_json()
        assert (found.end_time or 0) >= (found.start_time or 0) > 0
        return {"name": found.name, "span": found, **(found.attributes or {})}

    return span_of


def test_a_span_names_operation_and_fault(span: Spanned) -> None:
    path, keys = f"/prime{PATHS['prime']}", header_of("prime", SECRET)
    plain = span(path, b"per_page=1", **keys)
    assert plain["name"] == "prime listSandboxes"
    assert (plain["fakeserver.provider"], plain["fakeserver.operation"]) == ("prime", "listSandboxes")
    assert (plain["http.request.method"], plain["url.path"], plain["http.response.status_code"]) == ("GET", path, 200)
    assert not {"fakeserver.fault", "fakeserver.namespace"} & plain.keys()
    failing = span(f"/ns/one{path}", **header_of("prime", f"{SECRET}+code=503"))
    assert (failing["fakeserver.fault"], failing["http.response.status_code"]) == ("code=503", 503)
    assert failing["fakeserver.namespace"] == "one"
    assert [each.name for each in failing["span"].events] == ["fault"]
    assert failing["span"].status.status_code.name == "ERROR"


def test_a_span_stands_in_the_callers_trace(span: Spanned) -> None:
    found = span("/prime/nowhere", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    assert f"{found['span'].context.trace_id:032x}" == TRACE
    assert (found["name"], found["http.response.status_code"]) == ("prime GET", 404)
    assert "fakeserver.operation" not in found


def test_what_is_no_providers_has_no_span() -> None:
    app = create_app(Settings(size=10))
    for path in ("/", "/ns/one/", "/__admin/health", "/ns/one/__admin/clock", "/nobody/x", "/ns/-/prime"):
        assert app.destination(scope_of(path)) in (None, ("-", "prime", None))
    assert app.destination(scope_of("/", host="api.superserve.ai")) is not None


def test_an_end_waits_for_no_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not answer keeps nobody."""
    pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace import TracerProvider

    never = threading.Event()
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(provider, "shutdown", never.wait)
    monkeypatch.setattr(spans, "FLUSH_SECONDS", 0.01)
    app: App = create_app(Settings(size=10))
    Spans(app, provider).close()
    assert not never.is_set()
    never.set()


class Collector(BaseHTTPRequestHandler):
    """Takes spans as OTLP over HTTP."""

    server: Any

    def do_POST(self) -> None:
        self.server.taken.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.slow
def test_a_server_sends_its_spans(tmp_path: Path) -> None:
    """To the collector that the environment names, the last ones when it ends. A connection that is broken names its
    fault too, there and in the log, though nobody ever sees an answer begin."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    path = f"/prime{PATHS['prime']}"
    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        taken: list[tuple[str, bytes]] = []
        collector.taken = taken  # type: ignore[attr-defined]
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
        with serving(
            tmp_path, "--access-log", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_SERVICE_NAME="mine"
        ) as served:
            served.get(path, **header_of("prime", f"{SECRET}+code=429"))
            with pytest.raises(httpx.RemoteProtocolError):
                served.get(path, **header_of("prime", f"{SECRET}+fault=EMPTY_RESPONSE"))
        collector.shutdown()
        thread.join()
    assert {path for path, _ in taken} == {"/v1/traces"}
    body = b"".join(body for _, body in taken)
    assert all(word in body for word in (b"prime listSandboxes", b"code=429", b"fault=EMPTY_RESPONSE", b"mine"))
    lines = (tmp_path / "stderr").read_text("utf-8")
    assert re.search(r'" - \S+ ms fault fault=EMPTY_RESPONSE$', lines, re.MULTILINE), lines
    assert SECRET.encode() not in body + lines.encode()
