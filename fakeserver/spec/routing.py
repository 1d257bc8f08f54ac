"""What a router makes of requests that its routes do not spell out: the provider's framework decides, and no spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

REDIRECTED = 307
"""The status that sends a client to the same path without its last slash, or with one."""


@dataclass(frozen=True, slots=True)
class Routing:
    """How one provider's router answers. `head`: HEAD is answered where GET is (`served`), or refused as any other
    method. `slash`: a path with a last slash too many or too few is `unknown`, or `redirected`. `allow`: a method that
    is refused is told all that the path has, or those of its `first` operation alone."""

    head: Literal["served", "refused"] = "served"
    slash: Literal["unknown", "redirected"] = "unknown"
    allow: Literal["all", "first"] = "all"


STARLETTE = Routing(head="refused", slash="redirected", allow="first")
"""The router of FastAPI applications (Observed: Starlette 1.10)."""
