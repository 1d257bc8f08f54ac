"""How an API reads the texts of a query where a spec's types leave it open: its framework decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Reading:
    """How one provider reads texts. `numbers`: whole numbers are digits behind a sign (`plain`), or what pydantic takes
    for them as well, `1.0`, `1_000` and ` 5 `, of any size (`pydantic`)."""

    numbers: Literal["plain", "pydantic"] = "plain"


AS_WRITTEN = Reading()
