"""Requests by which a broken server can be told from the correct one: filters with values mined from the rows, pages of
every size, bad values, credentials, and the same again in other words."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Any

from contract_tests.planted.backend import FACETS, LIST, Backend, documents_of, load
from contract_tests.planted.replay import Replay, next_cursor
from contract_tests.planted.session import Pair, Session, again, common, pages, sample, variants, walk
from contract_tests.promises import BY_SLUG
from fakeserver.problems import Document

NUMBERS = ("0", "-1", "01", "+5", "1.5", "1e2", "x", "", " 5", "５", "99999999999999999999", "null")
TEXTS = ("no-such-value", "it's", 'a"b', "50% off", "a_b", "größe", "日本語", "a\\b", "", " ", "x" * 300, "null", "%")


@functools.cache
def session(slug: str, operation: str) -> Session:
    """Every probe of one operation, with the correct server's answers."""
    backend = load(slug)
    promises = BY_SLUG[slug]
    path = promises.facets_path if operation == FACETS else promises.path
    found = Session(Replay(slug, backend.handler()), path(promises.home_scope))
    common(found)
    again(found, AGAIN[slug, operation])
    PROBES[slug, operation](found, backend)
    return found


def _prime(probe: Session, backend: Backend) -> None:
    documents = documents_of(backend)
    rows = documents["main"]
    whole = ("per_page", "1000")
    probe.ask()
    probe.ask(whole)
    probe.ask(("team_id", "research"), ("user_id", "user_admin"), whole, credential="colleague")
    labels = sample(chain.from_iterable(each.get("labels") or () for each in reversed(rows)))
    labels = sample([*labels, "prod", "PROD", "prod ", "production", "a,b", "gpu", "größe:klein"])
    statuses = ("PENDING", "PROVISIONING", "RUNNING", "PAUSED", "ERROR", "TERMINATED")
    for status in statuses:
        probe.ask(("status", status), whole)
        probe.ask(("status", status))
        probe.ask(("status", status), ("is_active", "true"), whole)
        probe.ask(("labels", "prod"), ("status", status), whole)
        probe.ask(("status", status), ("labels", "prod"), whole)
    for text in ("true", "false", "1", "0", "True", "yes", "off", "maybe", "", "2", "null"):
        probe.ask(("is_active", text), whole)
    for label in [*labels, "eval", "nightly", "a,b", "50% & more = fun", "prod,gpu", *TEXTS]:
        probe.ask(("labels", label), whole)
        for other in variants(label):
            probe.ask(("labels", other), whole)
        for status in ("RUNNING", "TERMINATED"):
            probe.ask(("labels", label), ("status", status), whole)
    for several in (["prod", "gpu"], ["eval", "gpu", "nightly"], ["eval", "prod"], ["prod", "no-such"], ["gpu", "gpu"]):
        probe.ask(*(("labels", each) for each in several), whole)
        probe.ask(*(("labels", each) for each in reversed(several)), whole)
    probe.ask(whole, raw="labels=prod+")
    probe.ask(whole, raw="labels=prod%20")
    for status in (*map(str.lower, statuses), "RUNNING,PAUSED", "UNKNOWN", "", " RUNNING"):
        probe.ask(("status", status), whole)
    probe.ask(("status", "RUNNING"), ("status", "ERROR"), whole)
    users = sample([*(each["userId"] for each in documents["research"]), "user_outsider", *TEXTS[:4], ""])
    for user in users:
        probe.ask(("user_id", user), whole)
        probe.ask(("team_id", "research"), ("user_id", user), whole)
        probe.ask(("team_id", "research"), ("user_id", user), ("status", "TERMINATED"), whole)
    for team in ("research", "main", "outsider", "member", "no-such-team", "Research", "research ", "", "it's"):
        probe.ask(("team_id", team), whole)
        probe.ask(("team_id", team), whole, credential="other")
        probe.ask(("team_id", team), ("user_id", "user_member"), whole)
    pages(probe, "per_page", "page", len(rows))
    pages(probe, "per_page", "page", 200, ("team_id", "research"))
    errors = sum(each["status"] == "ERROR" for each in rows)
    pages(probe, "per_page", "page", errors, ("status", "ERROR"))
    for text in (*NUMBERS, "2147483647", "2147483648", "1000", "1001"):
        probe.ask(("per_page", text))
        probe.ask(("page", text))
        probe.ask(("page", text), ("per_page", "x"), ("status", "bad"), ("is_active", "maybe"))
    probe.ask(("page", "2147483647"), whole)


def _dreadnode_filters(documents: list[Document]) -> list[tuple[Pair, ...]]:
    projects = sample(each["project_id"] for each in documents if each.get("project_id"))
    states: list[tuple[Pair, ...]] = [
        (("state", text),)
        for text in (
            "running", "paused", "killed", "running,paused", "paused,running", "running,killed", "killed,paused",
            "running,paused,killed", "", ",", "running,", ",paused", "running,running", "Running", "RUNNING",
            " running", "running, paused", "unknown", "running,unknown", "runn",
        )
    ]  # fmt: skip
    states += [
        tuple(("state", each) for each in several)
        for several in (("running", "paused"), ("paused", "running"), ("paused", "killed"), ("running", "running"),
                        ("running,paused", "killed"), ("running", "unknown"))
    ]  # fmt: skip
    queries: list[tuple[Pair, ...]] = [*states]
    for project in (*projects[:6], projects[0].upper(), "00000000-0000-4000-8000-000000000000"):
        queries.append((("project_id", project),))
        for state in ("running", "killed", "paused,killed"):
            queries.append((("project_id", project), ("state", state)))
            queries.append((("state", state), ("project_id", project)))
    for text in (
        "",
        "x",
        projects[0][:-1],
        projects[0].replace("-", ""),
        projects[0] + "0",
        "null",
        "{" + projects[0] + "}",
    ):
        queries.append((("project_id", text),))
    queries.append((("project_id", "x"), ("state", "bad")))
    queries.append((("project_id", projects[0]), ("project_id", projects[1])))
    return queries


def _dreadnode(probe: Session, backend: Backend) -> None:
    documents = documents_of(backend)
    rows = documents["acme"]
    globex, outsider = ("/api/v1/org/globex/sandboxes", "/api/v1/org/outsider/sandboxes")
    project = next(each["project_id"] for each in rows if each.get("project_id"))
    probe.ask()
    filters = _dreadnode_filters(rows)
    for query in filters:
        probe.ask(*query, ("limit", "100"))
    for query in filters[:12]:
        probe.ask(*query)
    for size in (1, 2, 3, 7, 25, 49, 50, 51, 99, 100):
        walk(probe, size)
    cursors = walk(probe, 10, ("state", "running"))
    walk(probe, 3, ("state", "paused"), ("project_id", project))
    walk(probe, 1, ("state", "running"), most=120)
    walk(probe, 20, ("state", "running,paused"), most=4)
    theirs = next_cursor(probe.ask(("limit", "10"), credential="colleague").body)
    probe.ask(("limit", "10"), ("cursor", theirs or ""), credential="colleague")
    cursor = cursors[2]
    state, limit = ("state", "running"), ("limit", "10")
    moved: list[tuple[Pair, ...]] = [
        (state, limit),
        (state, ("limit", "3")),
        (limit,),
        (("state", "paused"), limit),
        (state, ("project_id", project), limit),
        (("state", "running,paused"), limit),
    ]
    for query in moved:
        probe.ask(*query, ("cursor", cursor))
        probe.ask(*query, ("cursor", cursor), path=globex)
        probe.ask(*query, ("cursor", cursor), path=outsider, credential="other")
    flipped = cursor[:-3] + ("A" if cursor[-3] != "A" else "B") + cursor[-2:]
    first = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    for text in (flipped, first, cursor[:-1], cursor + "A", cursor[::-1], cursor.swapcase(), "", "x", "0", "50", "null",
                 "MTA", "eyJvZmZzZXQiOjEwfQ", "ü", "a" * 600, "%00"):  # fmt: skip
        probe.ask(state, limit, ("cursor", text))
    for text in (*NUMBERS, "101", "1000", "2147483648"):
        probe.ask(("limit", text))
        probe.ask(("limit", text), ("state", "bad"), ("project_id", "x"))
    _dreadnode_orgs(probe, "")


def _dreadnode_orgs(probe: Session, tail: str) -> None:
    for org in ("globex", "outsider", "no-such-org", "ACME", "acme%20"):
        for credential in ("token", "other", "none"):
            probe.ask(path=f"/api/v1/org/{org}/sandboxes{tail}", credential=credential)
            probe.ask(("state", "bad"), path=f"/api/v1/org/{org}/sandboxes{tail}", credential=credential)


def _facets(probe: Session, backend: Backend) -> None:
    probe.ask()
    for query in _dreadnode_filters(documents_of(backend)["acme"]):
        probe.ask(*query)
        probe.ask(*query, path="/api/v1/org/globex/sandboxes/facets")
    probe.ask(("limit", "1"))
    probe.ask(("cursor", "x"))
    _dreadnode_orgs(probe, "/facets")


def _json(value: Any, **more: Any) -> Pair:
    return "metadata", json.dumps(value, **more)


def _parts(value: Any) -> Iterator[Any]:
    """Objects that the metadata contains, and objects that it nearly contains."""
    yield value
    for name, inner in value.items():
        yield {name: inner}
        yield {name.upper(): inner}
        yield {name[:-1]: inner}
        yield {name: None}
        yield {name: [inner]}
        if isinstance(inner, str):
            yield from ({name: each} for each in variants(inner))
            yield {name: inner[:3] + "%"}
            yield {inner: name}
            yield {"other": inner}
            if inner.isdigit():
                yield {name: int(inner)}
        elif isinstance(inner, dict):
            yield {name: {}}
            for key, each in inner.items():
                yield {name: {key: each}}
                yield {name: {key: str(each)}}
                yield {f"{name}.{key}": each}
                yield {key: each}
        elif isinstance(inner, list):
            yield {name: []}
            yield {name: inner[::-1]}
            yield {name: [*inner, "no-such"]}
            yield from ({name: [each]} for each in inner)
            yield {name: inner[0]}
            for each in inner:
                if isinstance(each, dict):
                    yield from ({name: [{key: found}]} for key, found in each.items())
                    yield {name: [{**each, "no-such": 1}]}
            if all(isinstance(each, dict) for each in inner) and len(inner) > 1:
                yield {name: [{"op": inner[0].get("op"), "ok": inner[1].get("ok")}]}
        elif isinstance(inner, bool) or inner is None:
            yield {name: int(inner or 0)}
            yield {name: str(inner).lower()}
        else:
            yield {name: str(inner)}
            yield {name: float(inner)}
            yield {name: bool(inner)}
            yield {name: inner + 1}


def _instavm(probe: Session, backend: Backend) -> None:
    rows = documents_of(backend)["main"]
    most = ("limit", "1000")
    probe.ask()
    probe.ask(most)
    shapes: dict[str, Any] = {}
    for row in rows:
        shapes.setdefault(
            json.dumps({name: type(each).__name__ for name, each in row["metadata"].items()}), row["metadata"]
        )
    values = [*shapes.values(), {"env": "prod"}, {"env": "dev", "userId": "123"}, {"purpose": "eval", "run": 2}, {}]
    for value in values:
        probe.ask(_json(value, ensure_ascii=False, indent=1), most)
        probe.ask(_json(value))
    # One part of each value in turn, so that every kind of value comes early.
    turns = chain.from_iterable(zip_longest(*(map(json.dumps, _parts(value)) for value in values)))
    for part in dict.fromkeys(each for each in turns if each is not None):
        probe.ask(("metadata", part), most)
    for text in TEXTS:
        probe.ask(_json({"env": text}), most)
        probe.ask(("metadata", text), most)
    probe.ask(_json({"env": "prod", "userId": "no-such"}), most)
    probe.ask(_json({"userId": "no-such", "env": "prod"}), most)
    for text in ("[]", "[{}]", "1", '"a"', "null", "{", '{"a":NaN}', '{"a":1,}', "true", '{"env":"dev","env":"prod"}',
                 '{"run":1e0}', '{"run":1.0}', '{"run":10e-1}', "{}", " {} ", '{"a":"\\ud800"}', "[" * 100,
                 '{"a":' * 70 + "1" + "}" * 70):  # fmt: skip
        probe.ask(("metadata", text), most)
    for limit in (1, 2, 3, 49, 50, 51, 99, 100, 101, 199, 200, 500, len(rows) - 1, len(rows), len(rows) + 1, 1000):
        probe.ask(("limit", str(limit)))
        probe.ask(("limit", str(limit)), _json({"env": "prod"}))
    for text in (*NUMBERS, "1001", "2147483648"):
        probe.ask(("limit", text))
        probe.ask(("limit", text), ("metadata", "{"))
    probe.ask(most, raw="metadata=%7B%22env%22%3A+%22prod%22%7D")


def _superserve(probe: Session, backend: Backend) -> None:
    rows = documents_of(backend)["main"]
    probe.ask()
    for status in ("active", "paused", "resuming", "active,paused", "paused,resuming", "resuming,active", "deleted",
                   "Active", "running", "active,running", "", ",", " active"):  # fmt: skip
        probe.ask(("status", status))
    probe.ask(("status", "active"), ("status", "paused"))
    shapes: dict[str, Any] = {}
    for row in rows:
        shapes.setdefault(",".join(row["metadata"]), row["metadata"])
    for value in shapes.values():
        probe.ask(*((f"metadata.{name}", text) for name, text in value.items()))
        probe.ask(*((f"metadata.{name}", text) for name, text in reversed(value.items())))
        for name, text in value.items():
            probe.ask((f"metadata.{name}", text))
            probe.ask((f"metadata.{name}", text), ("status", "active"))
            probe.ask((f"metadata.{name}", ""))
            probe.ask(
                (f"metadata.{name}", "no-such"),
                *((f"metadata.{other}", each) for other, each in value.items() if other != name),
            )
            probe.ask((f"metadata.{name}", f"{text},{text}x"))
            probe.ask(("metadata.other", text))
            for other in variants(text):
                probe.ask((f"metadata.{name}", other))
            for other in variants(name):
                probe.ask((f"metadata.{other}", text))
            for char in (".", "/", " "):
                if char in name:
                    probe.ask((f"metadata.{name.split(char)[0]}", text))
    for text in TEXTS:
        probe.ask(("metadata.env", text))
        probe.ask((f"metadata.{text}", "x"))
    for raw in ("metadata.key+with+spaces=a%2Cb", "metadata.key%20with%20spaces=a,b", "metadata%2Eenv=prod",
                "metadata.tier=free+%26+easy+%3D+50%25", "metadata=x", "metadata.=x", "metadata=",
                "metadata.env"):  # fmt: skip
        probe.ask(raw=raw)
    probe.ask(("metadata.env", "prod"), ("metadata.env", "dev"))
    probe.ask(("metadata.env", "prod"), ("metadata.env", "prod"))
    probe.ask(("metadata.superserve.id", "x"))
    probe.ask(("metadata." + "k" * 257, "x"))
    probe.ask(("metadata.k", "x" * 2049))
    probe.ask(*((f"metadata.k{index}", "x") for index in range(65)))
    probe.ask(*((f"metadata.k{index}", "x") for index in range(64)))
    probe.ask(*((f"metadata.k{index}", "x" * 2048) for index in range(9)))
    for limit in (1, 2, 3, 49, 50, 51, 99, 100, 101, 199, 200, 201, 1000):
        probe.ask(("limit", str(limit)))
        for offset in (0, 1, limit, 2 * limit, len(rows) - 1, len(rows), len(rows) + 1):
            probe.ask(("limit", str(limit)), ("offset", str(offset)))
        probe.ask(("limit", str(limit)), ("metadata.env", "staging"))
    for offset in (0, 1, 5, 199, 200, 940, 2147483647):
        probe.ask(("offset", str(offset)))
        probe.ask(("offset", str(offset)), ("metadata.env", "prod"))
    for text in (*NUMBERS, "2147483647", "2147483648"):
        probe.ask(("limit", text))
        probe.ask(("offset", text))
        probe.ask(("limit", text), ("offset", "x"), ("status", "bad"), ("metadata.", "x"))


AGAIN: dict[tuple[str, str], list[tuple[Pair, ...]]] = {
    ("dreadnode", LIST): [(("state", each), ("limit", "100")) for each in ("running", "paused", "killed")],
    ("dreadnode", FACETS): [(("state", each),) for each in ("running", "paused", "killed")],
    ("instavm", LIST): [(_json({"env": each}), ("limit", "1000")) for each in ("prod", "dev", "staging")],
    ("prime", LIST): [(("status", each), ("per_page", "1000")) for each in ("RUNNING", "ERROR", "PAUSED")],
    ("superserve", LIST): [(("metadata.env", each),) for each in ("prod", "dev", "staging")],
}
"""Three filters that select different rows."""

PROBES = {
    ("dreadnode", LIST): _dreadnode,
    ("dreadnode", FACETS): _facets,
    ("instavm", LIST): _instavm,
    ("prime", LIST): _prime,
    ("superserve", LIST): _superserve,
}
