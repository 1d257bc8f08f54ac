"""Requests as spans of OpenTelemetry, for those who name an exporter in its own variables; nothing else loads it.

A span says what was asked for and what was injected, and nothing of queries and headers, which may hold credentials.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from starlette.types import Scope

from fakeserver import __version__
from fakeserver.extras import install_line
from fakeserver.machine import time
from fakeserver.serving.logs import AnswersAtOnce, Observed
from fakeserver.worlds.entries import MAX_TEXT

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

EXPORTERS, GROUP = "OTEL_TRACES_EXPORTER", "opentelemetry_traces_exporter"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
OTLP = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
"""By protocol: the entry point of its exporter; the extra brings the first."""
FLUSH_SECONDS = 0.5
"""As long may the last spans take: a server ends within a second, whoever collects them."""
SERVER_ERROR = 500

log = logging.getLogger("fakeserver")


class Destinations(AnswersAtOnce, Protocol):
    """An application that knows what a request is for: world, provider and operation."""

    def destination(self, scope: Scope) -> tuple[str, str, str | None] | None: ...


def exporter_names(environment: Mapping[str, str]) -> list[str]:
    """The exporters that OpenTelemetry's variables name; an address alone is enough for OTLP."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    named = [each.strip() for each in environment.get(EXPORTERS, "").split(",")]
    found = [each for each in named if each and each != "none"]
    if not any(named) and any(environment.get(each, "").strip() for each in ENDPOINTS):
        found = ["otlp"]
    protocol = next((environment[each].strip() for each in PROTOCOLS if environment.get(each, "").strip()), "")
    return [OTLP.get(protocol, OTLP["http/protobuf"]) if each == "otlp" else each for each in found]


def observed(
    app: Destinations, environment: Mapping[str, str]
) -> tuple[Destinations | Spans, Callable[[], None] | None]:
    """The application, with spans where the environment wants them, and what ends them. What it wants and is not there
    is a line, and keeps nothing from being served."""
    exporters = []
    for name in exporter_names(environment):
        try:
            exporters.append(load_exporter(name))
        except Exception as error:  # Whatever keeps somebody else's exporter from being made.
            log.warning("no spans go to %s (%s); install it with: %s", name, error, install_line("otel"))
    if not exporters:
        return app, None
    spans = Spans(app, provider_of(exporters))
    return spans, spans.close


def load_exporter(name: str) -> SpanExporter:
    import opentelemetry.sdk.trace  # What is lacking altogether is said first.

    assert opentelemetry.sdk.trace
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise ImportError(f"there is no exporter of that name under {EXPORTERS}")
    exporter: SpanExporter = next(iter(found)).load()()
    return exporter


def provider_of(exporters: list[SpanExporter]) -> TracerProvider:
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # What the environment names comes before what is named here.
    named = {SERVICE_NAME: "fakeserver", **Resource.create().attributes}
    if str(named[SERVICE_NAME]).startswith("unknown_service"):
        named[SERVICE_NAME] = "fakeserver"
    provider = TracerProvider(resource=Resource(named), shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


class Spans(Observed):
    """An application whose requests to providers' APIs are spans."""

    def __init__(self, app: Destinations, provider: TracerProvider) -> None:
        super().__init__(app)
        self._destination, self._provider = app.destination, provider
        self._tracer = provider.get_tracer("fakeserver", __version__)

    def tell(self, scope: Scope, status: int | None, fault: str | None, nanoseconds: int) -> None:
        found = self._destination(scope)
        if found is None:
            return
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind, StatusCode

        world, provider, operation = found
        given = {
            "http.request.method": scope["method"],
            "url.path": scope["path"][:MAX_TEXT],
            "url.scheme": scope.get("scheme", "http"),
            "http.response.status_code": status,
            "fakeserver.provider": provider,
            "fakeserver.operation": operation,
            "fakeserver.namespace": world or None,
            "fakeserver.fault": fault,
        }
        end = time.time_ns()
        headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]}
        span = self._tracer.start_span(
            f"{provider} {operation or scope['method']}",
            context=extract(headers),
            kind=SpanKind.SERVER,
            attributes={name: each for name, each in given.items() if each is not None},
            start_time=end - nanoseconds,
        )
        if fault is not None:
            span.add_event("fault", {"fakeserver.fault": fault}, end)
        if status is None or status >= SERVER_ERROR:
            span.set_status(StatusCode.ERROR)
        span.end(end)

    def close(self) -> None:
        """Send what is left, as far as somebody takes it in time."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)
