"""The command `fakeserver tail`: a running server's journal in the terminal, line by line, while it grows."""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from fakeserver.arguments import Parser, integer, one_of
from fakeserver.serving import logs, tokens
from fakeserver.serving.health import Place, connect, read_place
from fakeserver.worlds.journal import MAX_ENTRIES

SECONDS = 0.5
"""Between two looks."""
GONE = 1
TOKEN, TOKEN_FILE = "FAKESERVER_ADMIN_TOKEN", "FAKESERVER_ADMIN_TOKEN_FILE"
DEFAULT_LINES = 10

Entry = Mapping[str, Any]


class Gone(Exception):
    """The server does not answer, or not to us; the message says why."""


def add_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--url", metavar="URL", help="the server, or one of its worlds (URL/ns/NAME); default: as for fakeserver health"
    )
    add(
        "--lines",
        type=integer(0, MAX_ENTRIES),
        default=DEFAULT_LINES,
        metavar="N",
        help=f"earlier entries to show first (default: {DEFAULT_LINES})",
    )
    add("--once", action="store_true", help="show these entries and exit")
    add("--format", type=one_of(logs.FORMATS, "format"), default=logs.PLAIN, metavar="FORMAT", help="plain or json")
    add("--admin-token", metavar="TOKEN", help=f"the server's, if it has one (or {TOKEN})")
    add("--admin-token-file", type=Path, metavar="FILE", help=f"a file that holds it (or {TOKEN_FILE})")


def run(parser: Parser, arguments: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    """Show what there is and what comes, until somebody interrupts it; the exit code."""
    parsed = parser.parse_args(arguments)
    place = read_place(parser, parsed.url, environ)
    token = tokens.read_token(parser, parsed.admin_token, parsed.admin_token_file)
    if token is None:
        file = Path(environ[TOKEN_FILE]) if environ.get(TOKEN_FILE) else None
        token = tokens.read_token(parser, environ.get(TOKEN) or None, file)
    show = json.dumps if parsed.format == logs.JSON else line_of

    def look(limit: int) -> list[Entry]:
        return ask(place, token, limit)

    try:
        for entry in follow(look, parsed.lines, None if parsed.once else wait):
            print(show(entry), file=out, flush=True)
    except Gone as error:
        print(f"fakeserver tail: {place.uds or place.url}: {error}", file=sys.stderr)
        return GONE
    except KeyboardInterrupt:
        pass  # This is how somebody at a terminal ends it.
    return 0


def wait() -> None:
    time.sleep(SECONDS)


def follow(look: Callable[[int], list[Entry]], lines: int, pause: Callable[[], None] | None) -> Iterator[Entry]:
    """The last entries, the oldest first, and with a pause between two looks everything that comes. `look` has the
    newest entries first, so many at the most."""
    found = look(max(lines, 1))
    yield from found[:lines][::-1]
    seen = found[0]["id"] if found else 0
    while pause is not None:
        pause()
        newest = look(1)
        last = newest[0]["id"] if newest else 0
        if last < seen:
            seen = 0  # Somebody emptied the journal.
        if last > seen:
            yield from unseen(look(min(last - seen, MAX_ENTRIES)), seen)
            seen = last


def unseen(entries: Iterable[Entry], seen: int) -> list[Entry]:
    """Those that nobody has seen, the oldest first."""
    return [entry for entry in entries if entry["id"] > seen][::-1]


def ask(place: Place, token: str | None, limit: int) -> list[Entry]:
    """The newest entries of the journal. Gone: they cannot be had."""
    connection = connect(place)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        target = f"{urlsplit(place.url).path.rstrip('/')}/__admin/requests?limit={limit}"
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        value = json.loads(answer.read())
        if answer.status != http.client.OK:
            raise Gone(str(value["detail"]))
        found: list[Entry] = value["requests"]
    except (OSError, http.client.HTTPException) as error:
        raise Gone((isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__) from error
    except (ValueError, LookupError, TypeError) as error:
        raise Gone("what answers there is no fakeserver") from error
    finally:
        connection.close()
    return found


def line_of(entry: Entry) -> str:
    """An entry as a line, with one below it for each warning."""
    target = entry["path"] + (f"?{entry['query']}" if entry["query"] else "")
    words = [entry["time"], entry["method"], target, str(entry["status"]), entry["operation"] or "-"]
    words += [f"as {entry['caller']}"] if entry["caller"] else []
    words += [f"fault {entry['fault']}"] if entry["fault"] else []
    return "\n  ! ".join(printable(text) for text in (" ".join(words), *entry["warnings"]))


def printable(text: str) -> str:
    """The text without what would move a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
