"""The command: `fakeserver export SLUG --format msw|json --out DIR`."""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from fakeserver.arguments import Parser, UsageError, one_of
from fakeserver.export import documents, handlers
from fakeserver.export.folder import Folder, Kept
from fakeserver.export.source import Export, Source
from fakeserver.export.unexportable import Unexportable
from fakeserver.instants import instant
from fakeserver.pipeline.service import Service
from fakeserver.worlds.documents import Seeding
from fakeserver.worlds.flags import add_seeding

EPOCH = instant("2026-01-01T00:00:00Z")
"""What dates are counted from unless somebody says otherwise: an export that is made again tomorrow is the same."""
MAX_EXPORTED = 100_000
"""Documents of one export: more than that no page in a browser reads."""


FORMATS: Mapping[str, Callable[[Source], Export]] = {"json": documents.export, "msw": handlers.export}


def add_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("slug", metavar="SLUG", help="the provider")
    add(
        "--format",
        type=one_of([*FORMATS], "format"),
        required=True,
        metavar="FORMAT",
        help="msw: handlers for the browser; json: only the documents",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="a new folder, or one from an earlier export")
    add_seeding(parser, most=MAX_EXPORTED, epoch=EPOCH)
    add("--force", action="store_true", help="overwrite changes made by hand")


def run(parsed: argparse.Namespace, service: Service, out: TextIO) -> int:
    """Write the folder, and say what it has."""
    source = Source(service, Seeding(parsed.seed, parsed.size, parsed.epoch))
    try:
        made = FORMATS[parsed.format](source)
        Folder(parsed.out).write(made.about, made.files, force=parsed.force)
    except Unexportable as error:
        raise UsageError(f"fakeserver export: {parsed.slug}: {error}") from error
    except Kept as error:
        raise UsageError(f"fakeserver export: {error}; --force writes over it") from error
    except OSError as error:
        raise UsageError(f"fakeserver export: {parsed.out} cannot be written: {error.strerror}") from error
    count = sum(map(len, source.tenants.values()))
    size = sum(map(len, made.files.values()))
    out.write(f"{parsed.out}: {count} documents in {len(made.files)} files, {size:,} bytes\n")
    if made.code:
        small = len(gzip.compress(b"".join(made.files[name] for name in sorted(made.code)), 9))
        out.write(f"code: {small:,} bytes of gzip as TypeScript, of which a bundler leaves the half\n")
    out.writelines(f"left out: {line}\n" for line in made.about["left_out"])
    return 0
