"""`ls` where it shows more than names."""

from __future__ import annotations

import pytest

from tests.unit.interpreter.shells import said

MADE = (
    "mkdir w; cd w; printf 12345 > a; printf 1 > b; chmod 755 b; mkdir d; touch d/x .hidden; ln -s a l;"
    "head -c 20000 /dev/zero > big; "
)


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("", "a b big d l"),
        ("-a", ". .. .hidden a b big d l"),
        ("-A", ".hidden a b big d l"),
        ("-r", "l d big b a"),
        ("-S", "big d a b l"),
        ("-F", "a b* big d/ l@"),
        ("-p", "a b big d/ l"),
        ("-R", ".: a b big d l  ./d: x"),
        ("d a", "a  d: x"),
        ("-d d", "d"),
        ("-d .", "."),
        ("d/..", "a b big d l"),
        ("-1 --color=auto --all d", ". .. x"),
    ],
)
def test_names_are_listed_in_order(words: str, written: str) -> None:
    shown = said(f"{MADE}ls {words}")
    assert shown == written.replace("  ", "\n\n").replace(" ", "\n") + "\n"


def test_the_long_format_has_the_columns_of_the_real_one() -> None:
    lines = said(f"{MADE}ls -l").splitlines()
    assert lines[0] == "total 32"
    assert [line.split()[:5] + line.split()[8:] for line in lines[1:]] == [
        ["-rw-r--r--", "1", "root", "root", "5", "a"],
        ["-rwxr-xr-x", "1", "root", "root", "1", "b"],
        ["-rw-r--r--", "1", "root", "root", "20000", "big"],
        ["drwxr-xr-x", "2", "root", "root", "4096", "d"],
        ["lrwxrwxrwx", "1", "root", "root", "1", "l", "->", "a"],
    ]


def test_sizes_are_written_for_people() -> None:
    assert said(f"{MADE}ls -lh big a | awk '{{print $5}}'") == "5\n20K\n"


def test_owners_may_be_numbers_or_left_out() -> None:
    assert said("touch a; ls -n a | cut -d' ' -f3,4; ls -lgo a | cut -d' ' -f3", user="bob") == "1000 1000\n0\n"


def test_a_file_was_changed_by_the_clock_of_the_sandbox() -> None:
    assert said("sleep 40d; touch a; ls -l a | cut -d' ' -f6,7", seconds=10**8) == "Feb 10\n"
    assert said("touch a; sleep 400d; ls -l --color a | wc -w", seconds=10**8) == "9\n"


def test_what_is_missing_is_told_beside_what_is_there() -> None:
    assert said("touch a; ls a b 2> e; echo $?; cat e; ls /usr/bin/ls /").startswith(
        "a\n2\nls: cannot access 'b': No such file or directory\n/usr/bin/ls\n\n/:\nbin\n"
    )
