"""How an API reads the texts of a query where a spec's types leave it open: its framework decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Reading:
    """How one provider reads texts. Of one value that is `repeated`, the first or the last text counts. An `empty` text
    is a value like any other and an empty piece of a list none (`refused`); or, as Go's handlers have it, a parameter
    that is an empty text counts as absent, and an empty piece of a list is a value like any other (`absent`).
    `numbers`: whole numbers are digits behind a sign (`plain`), or what pydantic takes for them as well, `1.0`, `1_000`
    and ` 5 `, of any size (`pydantic`). `uuids`: five groups of digits (`plain`), or what pydantic takes for them as
    well, all digits in a row, and the groups in braces or behind `urn:uuid:` (`pydantic`)."""

    repeated: Literal["first", "last"] = "last"
    empty: Literal["refused", "absent"] = "refused"
    numbers: Literal["plain", "pydantic"] = "plain"
    uuids: Literal["plain", "pydantic"] = "plain"


AS_WRITTEN = Reading()
