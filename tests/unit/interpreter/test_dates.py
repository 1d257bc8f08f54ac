"""`date` as GNU has it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fakeserver.interpreter.dates import write

NOW = 1_767_323_045_678_901
"""Friday, 2026-01-02 03:04:05.678901, in microseconds."""


def modified(path: str) -> datetime:
    if path == "f":
        return datetime(2020, 1, 2, tzinfo=UTC)
    raise FileNotFoundError(f"{path}: No such file or directory")


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ([], "Fri Jan  2 03:04:05 UTC 2026"),
        (["-u"], "Fri Jan  2 03:04:05 UTC 2026"),
        (["+%s"], "1767323045"),
        (["+%FT%T.%3N"], "2026-01-02T03:04:05.678"),
        (["+%N %6N"], "678901000 678901"),
        (["+%e|%-d|%_d|%k|%l|%I|%p|%P|%j|%u|%w"], " 2|2| 2| 3| 3|03|AM|am|002|5|5"),
        (
            ["+%^a %A %b %B %y %C %D %R %r %x %X %h"],
            "FRI Friday Jan January 26 20 01/02/26 03:04 03:04:05 AM 01/02/26 03:04:05 Jan",
        ),
        (["+%U %V %G %g %q%n%t%%"], "00 01 2026 26 1\n\t%"),
        (["+%z %:z %::z %:::z %Z"], "+0000 +00:00 +00:00:00 +00 UTC"),
        (["+%Q %05d %10Y"], "%Q 00002 0000002026"),
        (["-I"], "2026-01-02"),
        (["-Iseconds"], "2026-01-02T03:04:05+00:00"),
        (["--iso-8601=ns"], "2026-01-02T03:04:05,678901000+00:00"),
        (["-R"], "Fri, 02 Jan 2026 03:04:05 +0000"),
        (["--rfc-3339=seconds"], "2026-01-02 03:04:05+00:00"),
        (["-r", "f", "+%F"], "2020-01-02"),
        (["--reference=f", "+%F"], "2020-01-02"),
    ],
)
def test_an_instant_is_written_by_a_format(words: list[str], written: str) -> None:
    assert write(words, NOW, modified) == (f"{written}\n", "", 0)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("@0", "1970-01-01 00:00:00"),
        ("@1.5", "1970-01-01 00:00:01"),
        ("2024-01-02", "2024-01-02 00:00:00"),
        ("2024-01-02 03:04:05", "2024-01-02 03:04:05"),
        ("2024-01-02T03:04:05Z", "2024-01-02 03:04:05"),
        ("2024-01-02T03:04:05+02:00", "2024-01-02 01:04:05"),
        ("2024-01-02 3:04 pm", "2024-01-02 15:04:00"),
        ("20240102 +3 hours", "2024-01-02 03:00:00"),
        ("01/02/2024", "2024-01-02 00:00:00"),
        ("2024-01-02 +1 day", "2024-01-03 00:00:00"),
        ("2024-01-02 1 day ago", "2024-01-01 00:00:00"),
        ("2024-01-31 +1 month", "2024-03-02 00:00:00"),
        ("2024-06-15 last month", "2024-05-15 00:00:00"),
        ("2024-01-31 next year", "2025-01-31 00:00:00"),
        ("Jan 2 2024", "2024-01-02 00:00:00"),
        ("2 Jan 2024 10:00", "2024-01-02 10:00:00"),
        ("Thu Nov 26 19:27:14 UTC 2026", "2026-11-26 19:27:14"),
        ("Monday, June 3 2024", "2024-06-03 00:00:00"),
        ("now", "2026-01-02 03:04:05"),
        ("yesterday", "2026-01-01 03:04:05"),
        ("tomorrow", "2026-01-03 03:04:05"),
        ("today 10:00", "2026-01-02 10:00:00"),
        ("10:30", "2026-01-02 10:30:00"),
        ("2 hours ago", "2026-01-02 01:04:05"),
        ("next week", "2026-01-09 03:04:05"),
        ("monday", "2026-01-05 00:00:00"),
        ("next friday", "2026-01-09 00:00:00"),
        ("last friday", "2025-12-26 00:00:00"),
        ("", "2026-01-02 00:00:00"),
    ],
)
def test_a_date_is_read_as_people_write_it(text: str, instant: str) -> None:
    for words in (["-d", text], [f"--date={text}"], ["--date", text]):
        assert write([*words, "+%F %T"], NOW, modified) == (f"{instant}\n", "", 0)


@pytest.mark.parametrize(
    "text", ["garbage", "2024-13-02", "2024-02-30", "99999999999999", "1" * 300, "@-99999999999", "\x00"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    assert write(["-d", text], NOW, modified) == ("", f"date: invalid date '{text}'\n", 1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-z"], "date: invalid option -- 'z'\nTry 'date --help' for more information.\n"),
        (["--zone"], "date: unrecognized option '--zone'\nTry 'date --help' for more information.\n"),
        (["tomorrow"], "date: invalid date 'tomorrow'\n"),
        (["-s", "now"], "date: cannot set date: Operation not permitted\n"),
        (["-r", "g"], "date: g: No such file or directory\n"),
        (["--rfc-3339=hours"], "date: invalid argument 'hours'\n"),
    ],
)
def test_what_date_does_not_know_is_refused(words: list[str], told: str) -> None:
    assert write(words, NOW, modified) == ("", told, 1)
