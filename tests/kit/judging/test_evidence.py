"""What breaches come to: one piece of evidence for each kind, and two orders that are called so."""

from __future__ import annotations

from contract_tests.judging.evidence import (
    MAX_ALIKE,
    MAX_BREACHES_PER_KIND,
    MAX_KINDS_PER_LAW,
    Kinds,
    find_two_orders,
    kind_of,
    sort_into_kinds,
    tell,
)
from contract_tests.judging.judge import Breach
from contract_tests.judging.target import target
from contract_tests.outcome import MAX_OTHERS, Tier
from contract_tests.sending.ask import Ask, Reply


def ask(text: str) -> Ask:
    return Ask("/x", (("labels", text),))


def test_breaches_are_of_one_kind_but_for_their_values() -> None:
    """Counts, ids, queries and quoted texts are values; other words are other kinds."""
    one = Breach("3 of 50 rows do not match the filter labels=a b", (ask("a b"),), ({"id": "i1", "labels": []},))
    two = Breach("7 of 9 rows do not match the filter labels=c", (ask("c"),))
    other = Breach("3 rows are missing in the answer to labels=c", (ask("c"),))
    assert kind_of(one) == kind_of(two) != kind_of(other)


def test_the_worst_kind_comes_first_and_others_follow() -> None:
    """With the requests of breaches that are alike, as many as are told."""
    warned = [Breach("an odd order", (ask("w"),), by=Tier.SHOULD)]
    alike = [Breach(f"{number} rows are missing", (ask(str(number)),)) for number in range(9)]
    first, second = sort_into_kinds([*warned, *alike])
    assert (first.sentence, first.times, first.tier) == ("0 rows are missing", 9, Tier.MUST)
    assert first.alike == tuple(ask(str(number)) for number in range(1, 1 + MAX_ALIKE))
    assert (second.sentence, second.times) == ("an odd order", 1)


def test_what_is_not_told_is_counted() -> None:
    """Of a law that is broken in many ways."""
    outcome = tell("a.law", [Breach(letter * 4, ()) for letter in "abcdefghij"])
    assert (len(outcome.others), outcome.untold) == (MAX_OTHERS, 9 - MAX_OTHERS)


def test_one_kind_does_not_crowd_out_another() -> None:
    """Each has its own room, and a law has room for many kinds, not for any number."""
    kinds = Kinds()
    assert sum(kinds.admit("a", Breach(f"{number} rows", ())) for number in range(99)) == MAX_BREACHES_PER_KIND
    words = ["w" * length for length in range(1, 99)]
    assert sum(kinds.admit("a", Breach(word, ())) for word in words) == MAX_KINDS_PER_LAW - 1
    assert kinds.admit("b", Breach("1 rows", ()))


def test_the_fields_that_a_sentence_names_are_in_question() -> None:
    """Where a law names none."""
    row = {"id": "i", "createdAt": "2", "startedAt": "1", "status": "x"}
    (found,) = sort_into_kinds([Breach("createdAt (2) is later than startedAt (1)", (), (row,))])
    assert found.fields == ("createdAt", "startedAt")


def test_two_orders_for_one_request() -> None:
    """The same rows otherwise ordered; other rows are a list that has moved."""
    listing, question = target("instavm").listing, ask("a")
    breach = Breach("out of order", (question,), law="rows.order")

    def reply(*names: str) -> Reply:
        rows = ",".join(f'{{"{listing.identity}":"{name}"}}' for name in names)
        return Reply(question, 200, {}, f"[{rows}]".encode(), 0.0)

    (found,) = find_two_orders(listing, [breach], [reply("a", "b", "c"), reply("a", "c", "b")])
    assert found.sentence == "the same request gave two orders: row 1 was b, then c"
    assert find_two_orders(listing, [breach], [reply("a", "b"), reply("b", "c")]) == [breach]
    assert find_two_orders(listing, [breach], [reply("a", "b"), reply("a", "b")]) == [breach]
