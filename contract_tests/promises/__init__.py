"""What each provider's pages promise, stated by hand from the pages: one value per provider, in a module of its own.

This is an independent statement: nothing here knows how the fake does it. Other packages bring their promises under the
group `fakeserver.promises`, as ours are found, and import them from here alone: the names of `__all__` are stable.
"""

from __future__ import annotations

from contract_tests.outcome import (
    Options,
    Pairs,
    Row,
)
from contract_tests.promises.access import Access
from contract_tests.promises.deviations import (
    Deviation,
    read_deviations,
)
from contract_tests.promises.filter_kinds import (
    AllOf,
    Closed,
    EncodedTags,
    Equal,
    Excluding,
    Filter,
    Json,
    Owner,
    Reference,
    Tags,
    Unreadable,
    contains,
    dense,
    texts,
)
from contract_tests.promises.form import (
    Colleagues,
    Facet,
    Facets,
    Fake,
    Listing,
    Promises,
)
from contract_tests.promises.paging import (
    ABSENT,
    Body,
    Cursor,
    InEnvelope,
    InHeader,
    Missing,
    Paging,
    Place,
    Total,
)
from contract_tests.promises.questions import (
    Choices,
    OracleQuestion,
    Questions,
)
from contract_tests.promises.refusals import (
    Refusal,
    Refusals,
    of_fastapi,
    of_issues,
)
from contract_tests.promises.rows import (
    Invariant,
    Keeps,
    check_not_negative,
    check_order,
    has_all,
    instant,
    say_if,
)
from contract_tests.promises.samples import (
    TEXTS,
    UNKNOWN,
    UNKNOWN_UUID,
    ask_each,
    ask_singly,
    drop_repeats,
    fill_exactly,
    pick_frequent,
    pick_odd,
    pick_sizes,
    vary,
)
from contract_tests.promises.scopes import (
    Scopes,
)
from contract_tests.promises.statements import Statement
from fakeserver.plugins import Plugins

__all__ = [
    "ABSENT",
    "TEXTS",
    "UNKNOWN",
    "UNKNOWN_UUID",
    "Access",
    "AllOf",
    "Body",
    "Choices",
    "Closed",
    "Colleagues",
    "Cursor",
    "Deviation",
    "EncodedTags",
    "Equal",
    "Excluding",
    "Facet",
    "Facets",
    "Fake",
    "Filter",
    "InEnvelope",
    "InHeader",
    "Invariant",
    "Json",
    "Keeps",
    "Listing",
    "Missing",
    "Options",
    "OracleQuestion",
    "Owner",
    "Paging",
    "Pairs",
    "Place",
    "Promises",
    "Questions",
    "Reference",
    "Refusal",
    "Refusals",
    "Row",
    "Scopes",
    "Statement",
    "Tags",
    "Total",
    "Unreadable",
    "ask_each",
    "ask_singly",
    "check_not_negative",
    "check_order",
    "contains",
    "dense",
    "drop_repeats",
    "fill_exactly",
    "has_all",
    "instant",
    "of_fastapi",
    "of_issues",
    "pick_frequent",
    "pick_odd",
    "pick_sizes",
    "read_deviations",
    "say_if",
    "texts",
    "vary",
]

BY_SLUG = Plugins("fakeserver.promises", lambda: Promises, "promises")
"""Every provider that the kit knows, ours first."""
