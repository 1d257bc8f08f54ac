"""Samples for questions: values of a deployment's own rows, and texts that a careless server misreads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from contract_tests.outcome import Pairs, Row
from contract_tests.promises.questions import OracleQuestion

COMMON_VALUES = 4
RARE_VALUES = 2
MAX_ODD_VALUES = 3
UNKNOWN = "no-such-value-7f3a"
UNKNOWN_UUID = "00000000-0000-4000-8000-00000000dead"
TEXTS = ("it's", 'a"b', "50% off", "größe", "a\\b", "x" * 300, "a+b", "%2C", "null")
"""Texts that a careless server does not survive, or reads as something else."""


def ask_each(scope: str, queries: Iterable[Pairs]) -> list[OracleQuestion]:
    return [OracleQuestion(scope, pairs) for pairs in queries]


def ask_singly(scope: str, name: str, texts: Iterable[str]) -> list[OracleQuestion]:
    return [OracleQuestion(scope, ((name, text),)) for text in texts]


def drop_repeats(questions: Iterable[OracleQuestion | None]) -> tuple[OracleQuestion, ...]:
    """Each question once, in their order."""
    return tuple(dict.fromkeys(question for question in questions if question is not None))


def pick_frequent(values: Iterable[Any]) -> list[Any]:
    """The commonest values and the rarest ones."""
    counted = [value for value, _ in Counter(values).most_common()]
    return list(dict.fromkeys([*counted[:COMMON_VALUES], *counted[-RARE_VALUES:]]))


def pick_odd(texts: Iterable[str]) -> list[str]:
    """Texts with characters that a query has to encode, or a server might read as something else."""
    marked = [text for text in dict.fromkeys(texts) if not text.isalnum() or not text.isascii()]
    return sorted(marked, key=lambda text: (text.isascii(), -len(set(text) - set("-_.:")), text))[:MAX_ODD_VALUES]


def vary(text: str) -> list[str]:
    """Texts that only a sloppy comparison takes for this one."""
    wildcard = "%" + text[1:]
    return [other for other in (text[:-1], text.swapcase(), text + " ", text[1:], wildcard) if other != text]


def pick_sizes(rows: Sequence[Row], created: str, most: int) -> list[int]:
    """Page sizes at whose ends something may go wrong: around the whole, and inside a group of equal dates."""
    count = len(rows)
    ties = [index for index in range(1, count) if rows[index].get(created) == rows[index - 1].get(created)]
    wanted = [count, count - 1, count + 1, -(-count // 2), -(-count // 3), *ties[:2], 1, 2, 7]
    return list(dict.fromkeys(size for size in wanted if 1 <= size <= most))


def fill_exactly(scope: str, rows: Sequence[Row], field: str, name: str, size: str, most: int) -> OracleQuestion | None:
    """A page that is exactly as long as the rows with the field's commonest value that still fits."""
    counted = [(str(value), count) for value, count in Counter(row.get(field) for row in rows).most_common() if value]
    for value, count in counted:
        if count <= most:
            return OracleQuestion(scope, ((name, value), (size, str(count))))
    return None
