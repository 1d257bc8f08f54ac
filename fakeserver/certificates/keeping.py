"""`fakeserver ca`: an authority that is kept, for those who trust it for longer than one run."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from fakeserver.certificates.authority import CERTIFICATE, KEY, Authority, folder_of_kept
from fakeserver.exports import UNPROXIED
from fakeserver.pipeline.hosts import Territory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--dir", type=Path, metavar="DIR", help="where it is kept (default: in the state folder of your home)")
    add("--path", action="store_true", help="print the certificate's path instead of the certificate")
    add("--remove", action="store_true", help="delete the authority: certificates it has issued are no longer valid")


def run(parsed: argparse.Namespace, out: TextIO) -> int:
    """Print the certificate, made if there is none yet."""
    folder = parsed.dir or folder_of_kept()
    if parsed.remove:
        for name in (CERTIFICATE, KEY):
            (folder / name).unlink(missing_ok=True)
        return 0
    authority = Authority.kept(folder)
    out.write(f"{folder / CERTIFICATE}\n" if parsed.path else authority.certificate.decode())
    return 0


@contextmanager
def issued(territories: Iterable[Territory]) -> Iterator[tuple[Path, Path]]:
    """The files of a certificate and of its key, for this machine and the providers' hosts, by the authority that is
    kept; they are gone behind the block."""
    names = dict.fromkeys(UNPROXIED)
    for each in territories:
        names |= dict.fromkeys((*each.api, *each.domains, *(f"*.{domain}" for domain in each.domains)))
    authority = Authority.kept(folder_of_kept())
    with tempfile.TemporaryDirectory(prefix="fakeserver-tls-") as folder:
        yield authority.write_leaf(Path(folder), *names)
