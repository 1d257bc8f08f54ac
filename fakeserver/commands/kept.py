"""The files of sandboxes that nobody works in, as they are kept."""

from __future__ import annotations

import base64
import binascii
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future

from fakeserver.commands.ran import Key
from fakeserver.parts import Part

MAX_KEPT = 200_000
"""Sandboxes whose files are kept in a world."""
MAX_KEPT_BYTES = 2**30
"""Bytes of all their files, as they are kept; the sandbox that was used least lately makes room. In a store none does,
and what is more is refused."""

MAX_FROZEN = 100 * 2**20
"""Characters of one sandbox's files in a snapshot."""
DIGEST_BYTES, MAGIC = 32, b"BKSNAP"
"""What frozen files begin with: a digest of the rest, and what the format is called."""

log = logging.getLogger("fakeserver")


def no_room(there: int, most: int) -> str:
    """Why files are refused."""
    return (
        f"the sandboxes of this namespace have {there} bytes of files, and may have {most}: to remove files or "
        "sandboxes makes room, and --namespace-file-bytes lets more in"
    )


def is_frozen(frozen: bytes) -> bool:
    """Whether bytes look like the files of a sandbox; restoring them tells the rest."""
    return frozen[DIGEST_BYTES:].startswith(MAGIC)


def read_frozen(slugs: Part, providers: Mapping[str, object]) -> Iterator[tuple[Key, bytes]]:
    """The files of a snapshot, or a refusal that names the member. What is in there is looked at when somebody wants
    it: a world may have files of 100,000 sandboxes."""
    for slug in slugs.names():
        if slug not in providers:
            raise slugs.wrong(slug, "is a provider that is not served")
        files = slugs.part(slug)
        for identity in files.names():
            try:
                frozen = base64.b64decode(files.text(identity, MAX_FROZEN), validate=True)
            except (binascii.Error, ValueError):
                frozen = b""
            if not is_frozen(frozen):
                raise files.wrong(identity, "are not the files of a sandbox")
            yield (slug, identity), frozen


class Kept:
    """Frozen files by sandbox, those that were used least lately first; and files that are just being frozen. Where
    there is a `most`, nobody makes room for others once there are so many bytes."""

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self.bytes = 0
        self._frozen: OrderedDict[Key, bytes] = OrderedDict()
        self._coming: dict[Key, Future[bytes | None]] = {}
        self._guard = threading.RLock()
        self.note: Callable[[Key], None] = lambda key: None
        """Told of each sandbox whose files are other ones, or none any more."""

    def __len__(self) -> int:
        return len(self._frozen) + len(self._coming)

    def __iter__(self) -> Iterator[Key]:
        with self._guard:
            return iter([*self._frozen, *self._coming])

    def __contains__(self, key: Key) -> bool:
        return key in self._frozen or key in self._coming

    def get(self, key: Key) -> bytes | None:
        """The files of a sandbox, as soon as they are frozen."""
        with self._guard:
            coming = self._coming.get(key)
            kept = self._frozen.get(key)
        return (None if coming is None else coming.result()) or kept

    def at_hand(self, key: Key) -> bytes | None:
        """The files of a sandbox, without those that are being frozen."""
        return self._frozen.get(key)

    def _is_over(self) -> bool:
        return self.most is None and self.bytes > MAX_KEPT_BYTES

    def has_room(self, key: Key, frozen: bytes) -> bool:
        """Whether a sandbox may have these files. Fewer than before it always may."""
        with self._guard:
            before = len(self._frozen.get(key, b""))
            more = len(frozen) - before
            return self.most is None or more <= 0 or self.bytes + more <= self.most

    def put(self, key: Key, frozen: bytes) -> None:
        """Keep the files of a sandbox in the place of those that it had."""
        with self._guard:
            if self._frozen.get(key) == frozen and key not in self._coming:
                # A worker may tell of the same files twice, and nobody else shall hear of that.
                return self._frozen.move_to_end(key)
            self.pop(key)
            self._frozen[key] = frozen
            self.bytes += len(frozen)
            self.note(key)
            while len(self._frozen) > 1 and (len(self._frozen) > MAX_KEPT or self._is_over()):
                oldest = next(iter(self._frozen))
                self.pop(oldest)
                log.warning("%s %s: its files make room for those of other sandboxes", *oldest)

    def pop(self, key: Key) -> None:
        """Keep the files of a sandbox no longer."""
        with self._guard:
            self._coming.pop(key, None)
            if (frozen := self._frozen.pop(key, None)) is not None:
                self.bytes -= len(frozen)
                self.note(key)

    def move(self, old: Key, new: Key) -> None:
        """They are another sandbox's."""
        self.copy(old, new)
        self.pop(old)

    def copy(self, source: Key, new: Key) -> None:
        """Another sandbox has the same."""
        with self._guard:
            if (frozen := self._frozen.get(source)) is not None:
                self.put(new, frozen)
            if (coming := self._coming.get(source)) is not None:
                self._coming[new] = coming

    def expect(self, key: Key, freeze: Callable[[], bytes | None]) -> None:
        """Keep for a sandbox what is being frozen, or what there is if that fails; nobody waits for it here."""
        coming: Future[bytes | None] = Future()

        def run() -> None:
            coming.set_result(freeze())
            with self._guard:
                for each in [each for each, known in self._coming.items() if known is coming]:
                    del self._coming[each]
                    if (frozen := coming.result()) is not None:
                        self.put(each, frozen)

        with self._guard:
            self._coming[key] = coming
        threading.Thread(target=run, name="fakeserver-freeze", daemon=True).start()
