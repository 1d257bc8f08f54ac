"""Judging traffic that no law has asked for: each answer by itself, as far as its request can be read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from contract_tests.judging import counts
from contract_tests.judging.check import Check
from contract_tests.judging.judge import Place, Question
from contract_tests.judging.session import CouldNotCheck, Findings, Session
from contract_tests.outcome import Pairs, Row
from contract_tests.promises.form import Promises
from contract_tests.sending.ask import Reply
from contract_tests.sending.recording import Recorded, Recording

LISTED, COUNTED = "filters.single", "facets.counts"
"""The laws that a recorded answer is held to besides those that watch every answer."""


def bases_of(recording: Recording, promises: Promises) -> list[str]:
    """The base URLs under which a recording has requests to the provider's operations: those with answers in JSON, or
    where there are none, all of them."""
    tails = [promises.listing.path + tail for tail in tails_of(promises)]
    pattern = re.compile("(.*)(?:" + "|".join(map(template, tails)) + ")")
    found: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for url, is_json in recording.urls():
        match = pattern.fullmatch(url)
        if match and urlsplit(match[1]).netloc:
            found[is_json][match[1]] = None
    return [*(found[True] or found[False])]


def tails_of(promises: Promises) -> list[str]:
    return ["", *([promises.facets.tail] if promises.facets is not None else [])]


def template(path: str) -> str:
    """A path with its variables as a pattern."""
    return re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))


def scopes_in(recorded: Sequence[Recorded], promises: Promises) -> tuple[str, ...]:
    """The orgs whose lists were asked for, in their order, where the path names one."""
    if not promises.scopes.in_path:
        return ()
    pattern = re.compile(re.escape(promises.listing.path).replace(re.escape(promises.scopes.in_path), "([^/]+)"))
    matches = (pattern.match(each.exchange.ask.path) for each in recorded)
    return tuple(dict.fromkeys(match[1] for match in matches if match is not None))


@dataclass(frozen=True, slots=True)
class Watching:
    """A layer in front of the others, for a recording: what others than a check have asked. It sends nothing."""

    recorded: tuple[Recorded, ...]
    left_out: tuple[tuple[str, int], ...] = ()
    """Why how many entries are not below the base URL, or cannot be read."""
    name: ClassVar[str] = "recording"
    account: ClassVar[str] = ""

    def run(self, session: Session) -> Findings:
        check, promises = session.check, session.target.promises
        left_out, watched = Counter(dict(self.left_out)), 0
        for each in self.recorded:
            reply = each.exchange.reply
            if each.ours or reply is None:
                continue
            tail = tail_of(reply, promises)
            if tail is None:
                left_out["of another path"] += 1
                continue
            watched += 1
            check.transport.replies.append(reply)
            watch(check, reply, counted=bool(tail))
        ours = sum(each.ours for each in self.recorded)
        session.notes.append(f"{watched + ours} recorded exchanges; {told(left_out)}")
        if not watched + ours:
            raise CouldNotCheck(f"the recording has nothing of {session.target.slug}'s operations; {told(left_out)}")
        return Findings()


def told(left_out: Counter[str]) -> str:
    """How many entries were left out, and why."""
    reasons = [f"{count} {reason}" for reason, count in left_out.items() if count]
    return f"left out were {', '.join(reasons)}" if reasons else "none was left out"


def tail_of(reply: Reply, promises: Promises) -> str | None:
    """What stands behind the path of the listing, or None where something else was asked for."""
    for tail in tails_of(promises):
        if re.fullmatch(template(promises.listing.path + tail), reply.ask.path):
            return tail
    return None


def watch(check: Check, reply: Reply, *, counted: bool) -> None:
    """Hold an answer against the laws that watch, and a listing or its facets against their own question."""
    check.conforms(reply)
    if reply.status != 200 or reply.ask.method == "HEAD":
        return
    question = question_of(check, reply)
    if question is None:
        return
    if counted:
        _watch_facets(check, question, reply)
        return
    with check.exercising(LISTED):
        body = check.accept(question, reply)
        if body is not None and body.rows and any(map(check.listing.filter_of, names(question.filters))):
            check.witness(f"{len(body.rows)} recorded rows")


def _watch_facets(check: Check, question: Question, reply: Reply) -> None:
    value, facets = check.json(reply), check.promises.facets
    if facets is not None and isinstance(value, dict):
        with check.exercising(COUNTED):
            for breach in counts.facets_contradictions(facets, question, value):
                check.breach(breach)


def names(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [name for name, _ in pairs]


def question_of(check: Check, reply: Reply) -> Question | None:
    """What a request means, or None where its numbers or filters cannot be read."""
    listing, pairs = check.listing, reply.ask.query
    paging = listing.paging
    if reply.ask.raw:
        return None
    filters: Pairs = tuple(pair for pair in pairs if pair[0] not in paging.parameters)
    given = dict(pairs)
    try:
        size = int(given[paging.size]) if paging.size in given else None
        place = Place(
            int(given.get(paging.number, "1")) if paging.number else 1,
            int(given[paging.offset]) if paging.offset and paging.offset in given else None,
        )
        any(map(listing.keeps(filters), ({}, _row_of(reply, check))))
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    shown, start = paging.window(size, place.number, place.offset)
    scope = given.get(check.promises.scopes.in_query, "")
    by = listing.statement_of(pairs)
    return Question(reply.ask, scope, filters, shown, start, place.number, by)


def _row_of(reply: Reply, check: Check) -> Row:
    """A row of the answer, to see whether its filters can be read at all."""
    body = check.listing.body_of(reply)
    return body.rows[0] if body is not None and body.rows else {}
