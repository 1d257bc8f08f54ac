"""`date` as GNU has it, by the sandbox's clock. There is one time zone: UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone

ISO = {
    "": "%Y-%m-%d",
    "date": "%Y-%m-%d",
    "hours": "%Y-%m-%dT%H%:z",
    "minutes": "%Y-%m-%dT%H:%M%:z",
    "seconds": "%Y-%m-%dT%H:%M:%S%:z",
    "ns": "%Y-%m-%dT%H:%M:%S,%N%:z",
}
RFC_3339 = {"date": "%Y-%m-%d", "seconds": "%Y-%m-%d %H:%M:%S%:z", "ns": "%Y-%m-%d %H:%M:%S.%N%:z"}
MAIL = "%a, %d %b %Y %H:%M:%S %z"
USUAL = "%a %b %e %H:%M:%S %Z %Y"
DIRECTIVE = re.compile(r"%([-_0^#]*)(\d{0,3})(:{0,3}[a-zA-Z%])")
MEANS = {
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "r": "%I:%M:%S %p",
    "c": "%a %b %e %H:%M:%S %Y",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
    "h": "%b",
    "+": "%a %b %e %H:%M:%S %Z %Y",
}
"""Directives that stand for others."""
SPACED = frozenset("ekl")
"""Numbers that are filled up with spaces."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNITS = {
    "sec": timedelta(seconds=1),
    "second": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "fortnight": timedelta(weeks=2),
}
PARTS = {
    "at": r"@(?P<epoch>-?\d{1,11}(?:\.\d+)?)",
    "date": r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?=$|[\sTt])",
    "compact": r"(?P<whole>\d{8})(?=$|[\sTt])",
    "slashed": r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})",
    "clock": r"[Tt]?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?",
    "zone": r"(?:Z|UTC|GMT)(?![a-z])|(?<=\d)\s?(?P<sign>[+-])(?P<zh>\d{2}):?(?P<zm>\d{2})?(?![\d\s]*\s?[a-z])",
    "shift": r"(?P<count>[+-]?\s?\d+|next|last|this|an?)\s*(?P<unit>[a-z]+?)s?\b(?P<ago>\s+ago)?",
    "words": r"(?P<word>[a-z]+)\.?,?",
    "number": r"(?P<number>\d{1,4})(?!\d),?",
}
PART = [(name, re.compile(text, re.IGNORECASE)) for name, text in PARTS.items()]
MAX_TEXT = 200
"""Characters of a date that are read."""


class BadDate(ValueError):
    """No date that `date` knows."""


def write(argv: Sequence[str], now: int, modified: Callable[[str], datetime]) -> tuple[str, str, int]:
    """What `date` writes on its two streams, and its exit code. `now` is in microseconds; `modified` tells when a file
    was changed, or raises an `OSError`."""
    instant, form, text, words = datetime.fromtimestamp(now / 10**6, UTC), USUAL, None, list(argv)
    try:
        while words:
            word = words.pop(0)
            if word.startswith("+"):
                form = word[1:]
            elif word in ("-u", "--utc", "--universal", "--debug"):
                pass
            elif word in ("-R", "--rfc-email", "--rfc-2822"):
                form = MAIL
            elif word.startswith(("-I", "--iso-8601")):
                form = ISO[word.removeprefix("-I").removeprefix("--iso-8601").lstrip("=")]
            elif word.startswith("--rfc-3339="):
                form = RFC_3339[word.partition("=")[2]]
            elif (value := option(word, words, "d", "date")) is not None:
                text = value
            elif (value := option(word, words, "r", "reference")) is not None:
                instant = modified(value)
            elif option(word, words, "s", "set") is not None:
                return "", "date: cannot set date: Operation not permitted\n", 1
            else:
                return "", f"date: {refusal(word)}\n", 1
        if text is not None:
            instant = read(text, instant)
        return f"{render(form, instant)}\n", "", 0
    except KeyError as error:
        return "", f"date: invalid argument {error.args[0]!r}\n", 1
    except OSError as error:
        return "", f"date: {error}\n", 1
    except (BadDate, ValueError, OverflowError):
        return "", f"date: invalid date '{text}'\n", 1


def refusal(word: str) -> str:
    if not word.startswith("-"):
        return f"invalid date '{word}'"
    option = f"unrecognized option '{word}'" if word.startswith("--") else f"invalid option -- '{word[1:2]}'"
    return f"{option}\nTry 'date --help' for more information."


def option(word: str, rest: list[str], letter: str, name: str) -> str | None:
    """The value of an option in one of its three spellings; a `u` may stand before its letter."""
    if word.startswith(f"--{name}="):
        return word.partition("=")[2]
    for start in (f"-{letter}", f"-u{letter}"):
        if word.startswith(start) and word != start:
            return word.removeprefix(start)
        if word in (start, f"--{name}"):
            return rest.pop(0) if rest else ""
    return None


# Writing


def render(form: str, instant: datetime) -> str:
    """An instant by a format."""

    def directive(match: re.Match[str]) -> str:
        flags, width, name = match[1], match[2], match[3]
        text = value(name, width, instant)
        if name == "N":
            text = text[: int(width)] if width else text
        elif "-" in flags:
            text = text.lstrip("0 ") or text[-1:]
        elif "_" in flags and text.isdigit():
            text = (text.lstrip("0") or "0").rjust(max(int(width or 0), len(text)))
        elif "0" in flags and name in SPACED:
            text = text.strip().rjust(2, "0")
        elif width:
            text = text.rjust(int(width), "0" if text.isdigit() else " ")
        return text.upper() if "^" in flags else text

    return DIRECTIVE.sub(directive, form)


def value(name: str, width: str, instant: datetime) -> str:
    if name in MEANS:
        return render(MEANS[name], instant)
    offset = instant.strftime("%z")
    special = {
        "%": "%",
        "n": "\n",
        "t": "\t",
        "s": str(int(instant.timestamp() // 1)),
        "N": f"{instant.microsecond:06}000",
        "e": f"{instant.day:2}",
        "k": f"{instant.hour:2}",
        "l": f"{(instant.hour - 1) % 12 + 1:2}",
        "P": instant.strftime("%p").lower(),
        "C": f"{instant.year // 100:02}",
        "q": str((instant.month - 1) // 3 + 1),
        "Y": f"{instant.year}",
        "Z": "UTC",
        ":z": f"{offset[:3]}:{offset[3:]}",
        "::z": f"{offset[:3]}:{offset[3:]}:00",
        ":::z": offset[:3],
    }
    if name in special:
        return special[name]
    return instant.strftime(f"%{name}") if name in "aAbBdgGHIjmMpSuUVwWyz" else f"%{width}{name}"


# Reading


def read(text: str, now: datetime) -> datetime:
    """The instant that somebody describes."""
    rest, instant, found = text.strip(), now, list[str]()
    if len(rest) > MAX_TEXT:
        raise BadDate(text)
    if not rest:
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    at = 0
    while at < len(rest):
        if rest[at] in " \t,":
            at += 1
            continue
        for name, pattern in PART:
            match = pattern.match(rest, at)
            if match is not None and (taken := take(name, match, instant, found)) is not None:
                instant, at = taken, match.end()
                break
        else:
            raise BadDate(text)
    return instant.astimezone(UTC)


def midnight(instant: datetime, found: list[str]) -> datetime:
    """A day that is named without a time begins at midnight."""
    return instant if "clock" in found else instant.replace(hour=0, minute=0, second=0, microsecond=0)


def take(name: str, match: re.Match[str], instant: datetime, found: list[str]) -> datetime | None:
    """The instant with what a part says of it, or nothing where it is no such part."""
    if name == "at":
        whole = datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(match["epoch"]))
    elif name == "date":
        whole = midnight(instant, found).replace(year=int(match[1]), month=int(match[2]), day=int(match[3]))
    elif name == "compact":
        year, month, day = int(match[1][:4]), int(match[1][4:6]), int(match[1][6:])
        whole = midnight(instant, found).replace(year=year, month=month, day=day)
    elif name == "slashed":
        whole = midnight(instant, found).replace(year=int(match["y"]), month=int(match["m"]), day=int(match["d"]))
    elif name == "clock":
        micro = int((match["fraction"] or "").ljust(6, "0")[:6])
        whole = instant.replace(
            hour=int(match["hour"]), minute=int(match["minute"]), second=int(match["second"] or 0), microsecond=micro
        )
    elif name == "zone":
        ahead = timedelta(hours=int(match["zh"] or 0), minutes=int(match["zm"] or 0))
        whole = instant.replace(tzinfo=timezone(-ahead if match["sign"] == "-" else ahead))
    elif name == "shift":
        return shift(match, instant, found)
    elif name == "words":
        return named(match["word"].lower(), instant, found)
    else:
        return numbered(int(match["number"]), instant, found)
    found.append(name)
    return whole


def shift(match: re.Match[str], instant: datetime, found: list[str]) -> datetime | None:
    unit, count = match["unit"].lower(), match["count"].lower().replace(" ", "")
    amount = {"next": 1, "last": -1, "this": 0, "a": 1, "an": 1}.get(count)
    amount = int(count) if amount is None else amount
    if unit != "month" and unit[:3] in DAYS and count in ("next", "last", "this"):
        ahead = (DAYS.index(unit[:3]) - instant.weekday()) % 7
        return midnight(instant, found) + timedelta(days=ahead - 7 if amount < 0 else ahead or 7 * amount)
    amount = -amount if match["ago"] else amount
    if unit in UNITS:
        return instant + amount * UNITS[unit]
    if unit not in ("month", "year"):
        return None
    months = instant.year * 12 + instant.month - 1 + amount * (12 if unit == "year" else 1)
    # Where the month has no such day, GNU counts on into the next one.
    first = instant.replace(year=months // 12, month=months % 12 + 1, day=1)
    return first + timedelta(days=instant.day - 1)


def named(word: str, instant: datetime, found: list[str]) -> datetime | None:
    if word in ("now", "today"):
        return instant
    if word in ("yesterday", "tomorrow"):
        return instant + timedelta(days=1 if word == "tomorrow" else -1)
    if word in ("noon", "midnight"):
        return instant.replace(hour=12 if word == "noon" else 0, minute=0, second=0, microsecond=0)
    if word in ("am", "pm") and "clock" in found:
        return instant.replace(hour=instant.hour % 12 + (12 if word == "pm" else 0))
    if word[:3] in MONTHS:
        found.append("month")
        day = instant.day if "day" in found else 1
        return midnight(instant, found).replace(day=day, month=MONTHS.index(word[:3]) + 1)
    if word[:3] in DAYS:
        found.append("weekday")
        # Beside a date the name of a day says nothing new.
        dated = {"month", "date", "compact", "slashed"} & {*found}
        ahead = 0 if dated else (DAYS.index(word[:3]) - instant.weekday()) % 7
        return midnight(instant, found) + timedelta(days=ahead)
    return None


def numbered(number: int, instant: datetime, found: list[str]) -> datetime | None:
    """A bare number is a day of a month, and then a year."""
    if number > 31:
        return instant.replace(year=number)
    found.append("day")
    return midnight(instant, found).replace(day=number)
