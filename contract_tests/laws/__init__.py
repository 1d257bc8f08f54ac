"""The laws, one module per family. Importing this package registers them all, in the order of their yield."""

from contract_tests.laws import (  # noqa: I001  (the order is the order of the run)
    filters,
    spellings,
    exactness,
    pages,
    cursors,
    facets,
    values,
    credentials,
    tenancy,
    colleagues,
    determinism,
    repeats,
    answers,
)
from contract_tests.laws.registry import LAWS, law, laws_for

OURS = frozenset(LAWS)
"""The names of the kit's own laws; those that a team registers come behind them, and no profile has planned them."""

__all__ = [
    "LAWS",
    "OURS",
    "answers",
    "colleagues",
    "credentials",
    "cursors",
    "determinism",
    "exactness",
    "facets",
    "filters",
    "law",
    "laws_for",
    "pages",
    "repeats",
    "spellings",
    "tenancy",
    "values",
]
