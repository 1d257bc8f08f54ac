"""`--from` and `--save`: a check of recorded traffic, and the recording of a check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contract_tests.cli.streams import complain
from contract_tests.judging.recordings import Watching, bases_of, scopes_in
from contract_tests.judging.target import target
from contract_tests.outcome import Options
from contract_tests.sending import har, recording
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.recorded import FromRecording
from contract_tests.sending.security import CREDENTIALS
from contract_tests.sending.tape import Tape


@dataclass(frozen=True, slots=True)
class Source:
    """A recording in the place of a deployment."""

    path: Path
    base_url: str
    watching: Watching
    orgs: tuple[str, ...]
    known: tuple[str, ...]
    callers: tuple[str, ...]
    """The credentials that the recorded run was given, by name."""

    def transport(self) -> FromRecording:
        return FromRecording(self.watching.recorded)


def open_source(path: Path, slug: str, base_url: str, orgs: Sequence[str], known: Sequence[str]) -> Source:
    """The recording in a file, as far as it is about the provider; empty texts are what the recording says. Raises
    RecordingError where it cannot be read, is another provider's, or does not tell where the API is."""
    found, promises = recording.read(path), target(slug).promises
    about = found.about
    if about is not None and about.slug != slug:
        raise recording.RecordingError(f"{path} was recorded of {about.slug}, not of {slug}")
    bases = [base_url or (about.base_url if about else "")]
    if not bases[0]:
        bases = bases_of(found, promises)
    if len(bases) > 1:
        raise recording.RecordingError(
            f"{path} has requests to {' and '.join(bases)}; --base-url says which one counts"
        )
    base = bases[0] if bases else ""
    recorded, left_out = found.below(base, target(slug).security)
    named = tuple(orgs) or (about.orgs if about else scopes_in(recorded, promises))
    if promises.scopes.in_path and not named:
        named = (promises.fake.home,)  # Nothing of the provider was recorded, which the layer says.
    watching = Watching(tuple(recorded), tuple(left_out.items()))
    return Source(
        path,
        base,
        watching,
        named,
        tuple(known) or (about.known if about else ()),
        about.callers if about else ("token",),
    )


def save(path: Path, slug: str, base_url: str, options: Options, tape: Tape, credentials: Credentials) -> bool:
    """Write the recording of a run, also of one that has ended early; one line and False where that fails."""
    callers = tuple(name for name in CREDENTIALS if name in credentials)
    about = har.About(slug, base_url, options.orgs, options.known, callers, options.seed, options.profile)
    try:
        har.write(path, about, tape.exchanges, har.Hiding(credentials, target(slug).security))
    except OSError as error:
        complain(f"--save: {path} could not be written ({error.strerror})")
        return False
    return True
