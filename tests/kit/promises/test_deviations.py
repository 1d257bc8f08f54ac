"""Known deviations: what fits one, and the files that they are read from."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from contract_tests.judging.judge import Breach
from contract_tests.laws import LAWS
from contract_tests.promises import BY_SLUG, Deviation, read_deviations
from contract_tests.promises.deviations import DeviationError, matches, read_accepted
from contract_tests.sending.ask import Ask, Reply

ASK = Ask("/sandboxes", (("metadata.x", "a\x00b"),))
REPLY = Reply(ASK, 500, {}, b'{"error":"x"}', 0.0)
BREACH = Breach("500, twice in a row", (ASK,), ({"status": "failed", "id": "1"},), fields=("status",))


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({}, True),
        ({"sentence": "500, twice in a row"}, True),
        ({"sentence": "500, *"}, True),
        ({"sentence": "500"}, False),
        ({"query": "metadata.*=*%00*"}, True),
        ({"query": "metadata.*"}, True),
        ({"query": "*%01*"}, False),
        ({"status": 500}, True),
        ({"status": 503}, False),
        ({"body": "*error*"}, True),
        ({"body": "error"}, False),
        ({"field": "status", "values": ("starting", "failed")}, True),
        ({"field": "status", "values": ("starting",)}, False),
        ({"field": "id", "values": ("1",)}, False),
        ({"status": 500, "sentence": "501*"}, False),
    ],
)
def test_all_that_is_given_must_fit(given: dict[str, object], fits: bool) -> None:
    """A field counts only if it is the one in question."""
    known = Deviation(law="values.no_5xx", reason="known", **given)  # type: ignore[arg-type]  # Fields by their names.
    assert known.fits(BREACH, REPLY) is fits


def test_every_row_must_show_it_and_an_answer_must_be_there() -> None:
    """One row of another value is another breach, and so is one whose answer nobody has."""
    known = Deviation(law="x", reason="known", field="status", values=("failed",))
    rows = ({"status": "failed"}, {"status": "bogus"})
    assert not known.fits(Breach("x", (ASK,), rows, fields=("status",)), REPLY)
    assert not known.fits(Breach("x", (ASK,), (), fields=("status",)), REPLY)
    assert not known.fits(Breach("no name is there", (ASK,), rows[:1]), REPLY)
    assert replace(known, sentence="status *").fits(Breach("status is wrong", (ASK,), rows[:1]), REPLY)
    assert not Deviation(law="x", reason="known", status=500).fits(BREACH, None)
    assert not Deviation(law="x", reason="known", query="*").fits(Breach("x", ()), None)


def test_a_pattern_is_no_regular_expression() -> None:
    """Only the star means anything."""
    assert matches("a[b].*", "a[b].c")
    assert not matches("a[b].", "ab.")


@pytest.mark.parametrize("slug", list(BY_SLUG))
def test_what_the_package_knows_is_narrow_and_has_a_source(slug: str) -> None:
    """Every entry names a law that there is, and one way to break it."""
    for known in BY_SLUG[slug].deviations:
        assert known.law in LAWS or known.law.startswith(
            ("oracle.", *(f"{each}: " for each in BY_SLUG[slug].operations))
        )
        assert known.narrow
        assert known.source
        assert known.seen


def test_what_is_known_of_superserve() -> None:
    """All that its server is known to do otherwise than its page says."""
    known = BY_SLUG["superserve"].deviations
    states = next(each.values for each in known if each.field == "status")
    assert set(states) == {"starting", "pausing", "migrating", "failed"}
    laws = {each.law for each in known}
    assert {"repeats.head", "schema.media_type", "rows.order", "values.no_5xx"} <= laws


MINIMAL = "- {law: a, reason: b, expires: 2030-01-01}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "must be a list"),
        ("- {law: a}", "entry 1 needs law and reason"),
        ("- {law: a, reason: b, expires: soon}", "entry 1: expires is not a date"),
        ("- {law: a, reason: b, expires: 2030-02-31}", "is not YAML"),
        ("- [", "is not YAML"),
        ("- {x: 1}", "entry 1 needs law and reason"),
        ("- {law: a, reason: b}", "entry 1 needs law, reason and expires"),
        (MINIMAL + "- {law: 1, reason: b, expires: 2030-01-01}", "entry 2: law, reason are texts"),
        ("- {law: a, reason: b, expires: 2030-01-01, field: status}", "field comes with a list of texts"),
        ("- {law: a, reason: b, expires: 2030-01-01, values: [x]}", "field comes with a list of texts"),
        ("- {law: a, reason: b, expires: 2030-01-01, field: status, values: failed}", "field comes with a list"),
        ("- {law: a, reason: b, expires: 2030-01-01, status: ok}", "status is a number"),
        ("- {law: a, reason: b, expires: 2030-01-01, sentence: ''}", "are texts"),
    ],
)
def test_a_bad_file_is_named_with_its_entry(tmp_path: Path, text: str, says: str) -> None:
    """One sentence."""
    path = tmp_path / "ledger.yaml"
    path.write_text(text)
    with pytest.raises(DeviationError, match=r"ledger\.yaml") as error:
        read_accepted(path)
    assert says in str(error.value)


def test_three_names_are_enough_to_accept_and_all_may_be_given(tmp_path: Path) -> None:
    """The form is that of the package's own; a date may be text, and a point in time is its day."""
    path = tmp_path / "ledger.yaml"
    path.write_text(
        MINIMAL + "- {law: c, reason: d, expires: '2031-01-01', provider: prime, field: status, values: [x], "
        "sentence: s, query: q, status: 404, body: b, source: f, seen: 2026-01-01 12:00:00}\n"
    )
    one, two = read_accepted(path)
    assert (one.law, one.expires, one.narrow) == ("a", date(2030, 1, 1), False)
    assert (two.expires, two.seen, two.values, two.status) == (date(2031, 1, 1), date(2026, 1, 1), ("x",), 404)


@pytest.mark.parametrize("more", ["", ", source: x, seen: 2026-01-01", ", source: x, sentence: y"])
def test_a_package_must_say_where_it_knows_it_from_and_what_it_means(tmp_path: Path, more: str) -> None:
    """Otherwise a whole law would be known to be broken."""
    path = tmp_path / "acme.yaml"
    path.write_text(f"- {{law: a, reason: b{more}}}")
    with pytest.raises(DeviationError, match="entry 1 needs source, seen and one of"):
        read_deviations(path)
