"""What a report says about known deviations, beside the laws that they break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contract_tests.judging.ledger import Standing, Status


def notes_on(standings: Iterable[Standing], *, aside: bool) -> Iterator[str]:
    """What the caller should do about what they accept, a note each; and in one note what the package knows and the run
    has not seen, unless that is beside the point: a fake on this machine has none of it."""
    standings = list(standings)
    seen = {each.deviation.reason for each in standings if each.status is Status.SEEN}
    gone: dict[str, None] = {}
    for each in standings:
        known = each.deviation
        if each.accepted:
            yield from note_on(each)
        elif each.status is Status.STALE and known.reason not in seen and not aside:
            gone[f"{known.law} ({known.reason})"] = None
    if gone:
        yield f"known deviations that this deployment does not show; their entries may go: {'; '.join(gone)}"


def note_on(standing: Standing) -> Iterator[str]:
    """What the caller should do about one entry of theirs, if anything."""
    known = standing.deviation
    match standing.status:
        case Status.EXPIRED:
            yield f"{known.law}: the acceptance ({known.reason}) expired on {known.expires}"
        case Status.STALE:
            yield f"{known.law}: the accepted deviation was not seen; the entry may go"
        case Status.UNKNOWN:
            yield f"{known.law}: no law of this name was among those of the run, so nothing was accepted"
