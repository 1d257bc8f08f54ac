"""`GET /metrics`: a world's journal in numbers, in Prometheus' text format. All of it is worked out when asked for.

Counters begin anew when the journal is emptied, which is what Prometheus expects of a process that starts again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from fakeserver import __version__
from fakeserver.worlds.journal import Journal
from fakeserver.worlds.latencies import BOUNDS, Latencies

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
KINDS = (
    ("double_slash", "double slash"),
    ("repeated_parameter", "was given more than once"),
    ("boolean_spelling", "is not how the page spells a boolean"),
    ("unknown_parameter", "is not on the reference page"),
    ("retry_after_ignored", "Retry-After was ignored"),
    ("hasty_polling", "; the SDK waits "),
    ("same_page", "a loop that never turns the page"),
    ("unsafe_retry", "a creation that failed was sent again"),
    ("unserved", "the fake does not serve"),
    ("unknown_path", "the fake has no "),
    ("redirected", "a slash too many or too few"),
    ("wrong_state", " was called while "),
)
"""What each of the journal's warnings to a client is called, by words that it has."""

Sample = tuple[Mapping[str, str], float]


def kind_of(warning: str) -> str:
    return next((kind for kind, words in KINDS if words in warning), OTHER)


def write(journal: Journal, latencies: Latencies, namespaces: int) -> str:
    """The whole text."""
    counts = journal.count()
    mistakes = Counter((entry.provider or "", kind_of(each)) for entry in journal.entries() for each in entry.warnings)
    families = [
        *family("info", "gauge", "The server's version.", [({"version": __version__}, 1)]),
        *family("namespaces", "gauge", "Worlds beside the one at the root.", [({}, namespaces)]),
        *family(
            "requests_total",
            "counter",
            "Requests to the providers' APIs that the journal noted.",
            [
                ({"provider": slug, "operation": name, "status": str(status)}, number)
                for (slug, name, status), number in sorted(counts.requests.items())
            ],
        ),
        *family(
            "faults_total",
            "counter",
            "Answers that were made to fail, or to come late.",
            [({"provider": slug, "fault": kind}, number) for (slug, kind), number in sorted(counts.faults.items())],
        ),
        *family(
            "client_mistakes",
            "gauge",
            "Warnings about clients in the entries that the journal still holds, by their kind.",
            [({"provider": slug, "kind": kind}, number) for (slug, kind), number in sorted(mistakes.items())],
        ),
        *durations(latencies),
    ]
    return "\n".join(families) + "\n"


def durations(latencies: Latencies) -> Iterator[str]:
    """The histogram, if anything was measured."""
    if not latencies.count:
        return
    name, below = "request_duration_seconds", 0
    yield from head(name, "histogram", "Until an answer begins, of every request of this server; with --access-log.")
    for bound, number in zip((*map(str, BOUNDS), "+Inf"), latencies.buckets, strict=True):
        below += number
        yield sample(f"{name}_bucket", {"le": bound}, below)
    yield sample(f"{name}_sum", {}, latencies.seconds)
    yield sample(f"{name}_count", {}, below)


def family(name: str, kind: str, told: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield from head(name, kind, told)
    for labels, number in samples:
        yield sample(name, labels, number)


def head(name: str, kind: str, told: str) -> Iterator[str]:
    yield f"# HELP fakeserver_{name} {told}"
    yield f"# TYPE fakeserver_{name} {kind}"


def sample(name: str, labels: Mapping[str, str], number: float) -> str:
    pairs = ",".join(f'{label}="{escape(text)}"' for label, text in labels.items())
    return f"fakeserver_{name}{f'{{{pairs}}}' if pairs else ''} {number}"


def escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
