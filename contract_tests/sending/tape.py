"""What a run asked and was answered, in its order, with the law and the probe that asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contract_tests.sending.ask import Ask, Reply


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, or the reason why there was none."""

    ask: Ask
    started: datetime
    reply: Reply | None = None
    error: str = ""
    """Why there is no answer, in one sentence."""
    stopped: bool = False
    """Nothing was sent, since the deployment could not take more; otherwise it could not be reached."""
    requests: int = 1
    """How often the transport has sent it."""
    layer: str = ""
    law: str = ""
    probe: str = ""


@dataclass(slots=True)
class Tape:
    """All exchanges of a run."""

    exchanges: list[Exchange] = field(default_factory=list)
    layer: str = ""
    """On behalf of which the next request is sent."""

    def keep(self, account: str, started: datetime, replies: Sequence[Reply], requests: int) -> None:
        """Answers to requests of one account, `law:probe`, for which so many requests were sent in all."""
        law, _, probe = account.partition(":")
        more = requests - len(replies)
        for reply in replies:
            sent, more = 1 + more, 0
            kept = Exchange(reply.ask, started, reply, requests=sent, layer=self.layer, law=law, probe=probe)
            self.exchanges.append(kept)

    def lose(self, account: str, started: datetime, asks: Sequence[Ask], error: Exception, *, stopped: bool) -> None:
        """Requests of one account that got no answer."""
        law, _, probe = account.partition(":")
        self.exchanges += [
            Exchange(ask, started, None, str(error), stopped, layer=self.layer, law=law, probe=probe) for ask in asks
        ]


def now() -> datetime:
    return datetime.now(UTC)
