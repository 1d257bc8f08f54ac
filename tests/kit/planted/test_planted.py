"""The planted bugs are bugs: each answers some request otherwise than the correct server, and none is planted twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from contract_tests.planted import BUGS, FAMILIES, correct, mutants
from contract_tests.planted.__main__ import by_probes, main
from contract_tests.planted.backend import EPOCH, FACETS, LIST, Rows, documents_of, load
from contract_tests.planted.probes import PROBES, session
from contract_tests.planted.replay import Replay, transport
from contract_tests.planted.witnesses import lacks
from contract_tests.sending.ask import Ask
from fakeserver.pipeline.exchange import Request
from fakeserver.serving.app import load_services
from fakeserver.worlds.documents import SeededDocuments, Seeding
from fakeserver.worlds.world import World
from tests.support.counting import steps

LEAST = {
    ("dreadnode", LIST): 45,
    ("dreadnode", FACETS): 20,
    ("instavm", LIST): 25,
    ("prime", LIST): 50,
    ("superserve", LIST): 25,
}
MOST_STEPS = 1_000
"""Of a server; the documents of a world are tens of thousands."""
MUTANT_SAMPLE = 25
SLUGS = ("dreadnode", "instavm", "prime", "superserve")


@pytest.mark.parametrize("operation", PROBES, ids="-".join)
def test_the_correct_server_answers_as_itself(operation: tuple[str, str]) -> None:
    """Two correct servers cannot be told apart, or every bug would be found for the wrong reason."""
    assert session(*operation).difference(Replay(operation[0], correct(operation[0]))) is None


@pytest.mark.parametrize("operation", PROBES, ids="-".join)
def test_the_correct_server_answers_as_the_fake(operation: tuple[str, str]) -> None:
    """What bugs are planted in is the fake without what surrounds it: both answer every probe alike."""
    slug = operation[0]
    service = load_services((slug,))[slug]
    world = World(SeededDocuments(Seeding(0, 1_000, EPOCH), {slug: service.fixture}), rate_limits=False)

    def fake(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        answer = service.answer(Request(method, path, query, headers), world)
        sent = {name.lower(): text for name, text in answer.headers.items()}
        return answer.status, sent | {"content-type": answer.media_type}, answer.text()

    assert session(*operation).difference(Replay(slug, fake)) is None


def test_rows_that_break_their_contract_can_be_given() -> None:
    """Rows without a date or with metadata of another kind are served as they come, and no server fails on them."""
    rows: Rows = {"main": [{"sandbox_id": "b", "metadata": "{}"}, {"sandbox_id": "a", "metadata": None}]}
    ask = Ask("/v1/sessions/sandboxes", (("metadata", '{"env":"prod"}'),))
    assert transport("instavm", correct("instavm", rows)).send(ask).json() == []
    whole = transport("instavm", correct("instavm", rows)).send(Ask("/v1/sessions/sandboxes"))
    assert [each["sandbox_id"] for each in whole.json()] == ["b", "a"]
    for bug in BUGS:
        if bug.slug == "instavm":
            assert transport("instavm", bug.handler(rows)).send(ask).status < 600


@pytest.mark.parametrize("operation", PROBES, ids="-".join)
def test_every_bug_shows(operation: tuple[str, str]) -> None:
    """No planted bug is equivalent to the correct server: some probe is answered otherwise."""
    slug, name = operation
    own = [bug for bug in BUGS if (bug.slug, bug.operation) == operation]
    # Without the safety net of `Bug.handler`, since a mistake in the mistake would show as a 500.
    handlers = [(bug, bug.plant(load(slug), name).handler()) for bug in own]
    assert [bug.name for bug, handler in handlers if not by_probes(bug, handler)] == []


def test_there_are_enough_bugs_of_every_operation() -> None:
    """Every operation has its share of bugs, and of every family that can concern it."""
    counts = Counter((bug.slug, bug.operation) for bug in BUGS)
    assert {operation: counts[operation] for operation in LEAST if counts[operation] < LEAST[operation]} == {}
    assert set(counts) == set(LEAST)
    assert {bug.family for bug in BUGS} == set(FAMILIES)


def test_every_bug_has_a_name_of_its_own_and_a_sentence() -> None:
    """Names are unique within a provider and in snake case; a summary is one plain sentence."""
    names = Counter((bug.slug, bug.name) for bug in BUGS)
    assert [name for name, count in names.items() if count > 1] == []
    assert [bug.name for bug in BUGS if not re.fullmatch(r"[a-z][a-z0-9_]*", bug.name)] == []
    assert [bug.summary for bug in BUGS if not bug.summary.endswith(".") or "\n" in bug.summary] == []


def test_handlers_are_cheap() -> None:
    """Thousands of servers are built in a run, so most are put together in a few steps from a world that is there."""
    for slug in SLUGS:
        load(slug)
    took = sorted(steps(bug.handler) for bug in BUGS)
    assert took[len(took) // 2] < MOST_STEPS / 10
    assert took[len(took) * 9 // 10] < MOST_STEPS


def test_a_bug_has_a_new_state_with_every_handler() -> None:
    """A cache that one handler filled is empty in the next one."""
    bug = next(each for each in BUGS if each.name == "cache_without_caller" and each.slug == "prime")
    first, second = transport("prime", bug.handler()), transport("prime", bug.handler())
    first.send(Ask("/api/v1/sandbox"))
    own = transport("prime", correct("prime")).send(Ask("/api/v1/sandbox", credential="other"))
    assert second.send(Ask("/api/v1/sandbox", credential="other")).body == own.body


@pytest.mark.parametrize("slug", SLUGS)
def test_given_rows_take_the_place_of_the_seeded_ones(slug: str) -> None:
    """Rows from elsewhere are served by the correct server as they are, also in a tenant that the fixtures lack."""
    rows = documents_of(load(slug, size=40))
    tenant = {"dreadnode": "acme"}.get(slug, "main")
    given: Rows = {tenant: rows[tenant][:5]}
    assert documents_of(load(slug, given))[tenant] == rows[tenant][:5]
    if slug == "dreadnode":
        elsewhere: Rows = {"initech": rows["acme"][:3]}
        reply = transport(slug, correct(slug, elsewhere)).send(Ask("/api/v1/org/initech/sandboxes"))
        assert len(reply.json()["items"]) == 3


def test_sizes_and_seeds_make_other_worlds() -> None:
    """The same seed makes the same bytes, another seed others, and the size is that of all tenants together."""
    ask = Ask("/sandboxes")
    first, again, other = (
        transport("superserve", correct("superserve", size=60, seed=seed)).send(ask) for seed in (1, 1, 2)
    )
    assert first.body == again.body != other.body
    assert len(first.json()) == 57


def test_a_sample_of_the_mutants_lives() -> None:
    """Mutation gives servers that answer otherwise, and says which changes make no difference."""
    survey = mutants.survey(MUTANT_SAMPLE)
    assert len(survey.live) + len(survey.permitted) >= len(mutants.everything()) // MUTANT_SAMPLE // 2
    assert all(by_probes(bug, bug.handler()) for bug in survey.live)
    names = Counter(mutation.name for mutation in mutants.everything())
    assert [name for name, count in names.items() if count > 1] == []


def test_a_mutant_changes_nothing_outside_of_itself() -> None:
    """The fake's own modules are the same after mutants were built from them."""
    mutants.survey(MUTANT_SAMPLE)
    for operation in PROBES:
        assert session(*operation).difference(Replay(operation[0], correct(operation[0]))) is None


@pytest.mark.parametrize(
    ("slug", "rows", "sentence"),
    [
        ("prime", 40, "fewer than 51 rows, so the default page size cannot be seen"),
        ("prime", 3, "no sandbox has three labels"),
        ("instavm", 80, "fewer than 101 rows, so the default limit cannot be seen"),
        ("superserve", 2, "no key of metadata has a blank"),
    ],
)
def test_the_witness_says_which_rows_were_missing(slug: str, rows: int, sentence: str) -> None:
    """A bug that could not be seen is explained by what the account lacks."""
    documents: Rows = {"main": documents_of(load(slug))["main"][:rows]}
    own = [bug for bug in BUGS if bug.slug == slug]
    reasons = lacks(slug, [*documents["main"]], documents, [])
    assert sentence in [text for concerns, text in reasons if any(concerns(bug) for bug in own)]


def test_cursors_are_carried_over() -> None:
    """A walk through the pages is the same walk on a server whose cursors have another text."""
    offset = next(each for each in BUGS if each.name == "cursor_is_offset")
    right, wrong = Replay("dreadnode", correct("dreadnode")), Replay("dreadnode", offset.handler())
    path = "/api/v1/org/acme/sandboxes"
    query: tuple[tuple[str, str], ...] = (("limit", "50"),)
    for _ in range(3):
        reply = right.send(Ask(path, query))
        assert wrong.send(Ask(path, query), reply.body).json()["items"] == reply.json()["items"]
        query = (("limit", "50"), ("cursor", reply.json()["next_cursor"]))


def test_the_table_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m contract_tests.planted` writes a Markdown table with a line for each bug."""
    report = tmp_path / "bugs.md"
    assert main([str(report), "--bug", "status_ignored", "--bug", "total_missing", "--differential"]) == 0
    text = report.read_text(encoding="utf-8")
    assert text.count("| `status_ignored` |") == 2
    assert text.count("| `total_missing` |") == 1
    assert "caught" in capsys.readouterr().out
