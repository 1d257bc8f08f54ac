"""A store in a file tells of every commit, whoever makes it, by SQLite's shared memory or without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fakeserver.stores import sqlite
from fakeserver.stores.sqlite import SQLiteStore

ELSEWHERE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT OR REPLACE INTO notes VALUES ('elsewhere', ?)", (sys.argv[2],))
connection.commit()
connection.close()
"""


def write(store: SQLiteStore, text: str) -> None:
    change = store.change(1)
    assert change is not None
    change.note("here", text)
    change.commit()


def write_elsewhere(path: Path, text: str) -> None:
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(path), text], check=True, timeout=20)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_every_commit_is_news_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool) -> None:
    """Also behind a checkpoint that begins SQLite's log anew, and when another store of the file was let go of: who
    only looks takes no lock of SQLite's away, so that a process that comes and goes does not take the log away."""
    if not shared:
        monkeypatch.setattr(sqlite, "head_of", lambda path: None)
    path = tmp_path / "worlds.db"
    one, other, third = (SQLiteStore(path) for _ in range(3))
    for number in range(3):
        one.has_news()
        assert not one.has_news()
        write(other, f"{number}")
        assert one.has_news()
        assert not one.has_news()
        write_elsewhere(path, f"{number}")
        assert one.has_news()
        assert one.notes() == {"here": f"{number}", "elsewhere": f"{number}"}
        other._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if number == 0:
            third.close()
    for store in (one, other):
        store.close()
