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
    repeats,
    answers,
)
from contract_tests.laws.registry import LAWS, law, laws_for

__all__ = [
    "LAWS",
    "answers",
    "credentials",
    "cursors",
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
