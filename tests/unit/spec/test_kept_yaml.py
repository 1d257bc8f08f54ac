"""What is kept of a YAML file is what is in it, and is read anew when anything about it has changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from fakeserver.problems import SpecError
from fakeserver.spec import kept_yaml, yaml_text
from fakeserver.spec.kept_yaml import read_kept
from tests.support.asgi import ROOT
from tests.support.texts import READ
from tests.unit.spec.test_yaml_text import LAUGHS, VALUES

READS = """
import sys
from fakeserver.serving.app import load_services

digests = {slug: service.spec.digest for slug, service in load_services().items()}
print("yaml" in sys.modules, digests)
"""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that YAML's reader has been asked for."""
    asked: list[Path] = []

    def read_yaml(path: Path) -> Any:
        asked.append(path)
        return READ(path)

    monkeypatch.setattr(yaml_text, "read_yaml", read_yaml)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    return asked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "some.yaml"
    found.write_text("a: [1, 2.5, ~, yes, text, !!binary aGVsbG8=]\n", encoding="utf-8")
    return found


def kept(path: Path) -> list[Path]:
    return sorted((path.parent / "__pycache__").glob("*"))


@given(VALUES)
def test_what_is_kept_are_the_values_themselves(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.mktemp("kept") / "some.yaml"
    path.write_text(yaml_text.write_yaml(value), encoding="utf-8")
    assert repr(read_kept(path)) == repr(read_kept(path)) == repr(READ(path))


@pytest.mark.parametrize("ours", sorted(ROOT.glob("*/*.yaml")), ids=lambda path: path.name)
def test_our_files_are_read_once(tmp_path: Path, read: list[Path], ours: Path) -> None:
    path = Path(shutil.copy(ours, tmp_path))
    text = ours.read_text(encoding="utf-8")
    assert read_kept(path) == read_kept(path) == (text, READ(ours)[1])
    assert read == [path]


def test_an_alias_stays_the_value_itself(path: Path, read: list[Path]) -> None:
    path.write_text(LAUGHS, encoding="utf-8")
    read_kept(path)
    found: Any = read_kept(path)[1]
    assert read == [path]
    assert found["a39"][0] is found["a38"]
    assert kept(path)[0].stat().st_size < 10_000


def test_another_text_is_read_anew(path: Path, read: list[Path]) -> None:
    read_kept(path)
    at = path.stat()
    path.write_text(path.read_text(encoding="utf-8").replace("1", "3"), encoding="utf-8")
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    assert read_kept(path)[1] == {"a": [3, 2.5, None, True, "text", b"hello"]} == read_kept(path)[1]
    assert read == [path, path]


def test_another_reader_reads_anew(
    path: Path, read: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_kept(path)
    other = tmp_path / "reader.py"
    other.write_text("of another version", encoding="utf-8")
    monkeypatch.setattr(kept_yaml, "READER", other)
    read_kept(path)
    assert read == [path, path]


@pytest.mark.parametrize("spoil", [lambda whole: b"", lambda whole: whole[:-1], lambda whole: whole[:-9] + b"\xff" * 9])
def test_what_is_spoiled_is_read_anew(path: Path, read: list[Path], spoil: Any) -> None:
    values = read_kept(path)
    (place,) = kept(path)
    place.write_bytes(spoil(place.read_bytes()))
    assert read_kept(path) == values == read_kept(path)
    assert read == [path, path]


def test_nothing_is_kept_where_python_keeps_nothing(
    path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert read_kept(path) == read_kept(path)
    assert (read, kept(path)) == ([path, path], [])


def test_it_is_kept_where_python_keeps_its_own(
    path: Path, read: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    assert read_kept(path) == read_kept(path)
    assert (read, kept(path)) == ([path], [])


def test_a_folder_that_cannot_be_written_to_is_read_each_time(path: Path, read: list[Path]) -> None:
    (path.parent / "__pycache__").write_text("no folder", encoding="utf-8")
    assert read_kept(path) == read_kept(path)
    assert read == [path, path]


def test_dates_are_read_each_time(path: Path, read: list[Path]) -> None:
    path.write_text("2026-01-18", encoding="utf-8")
    assert read_kept(path) == read_kept(path)
    assert (read, kept(path)) == ([path, path], [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [(b"a: [", "while parsing a flow node"), (b"\xff", "codec can't decode"), (None, "No such file or directory")],
)
def test_what_cannot_be_read_is_said_as_without_keeping(path: Path, text: bytes | None, reason: str) -> None:
    read_kept(path)
    path.unlink()
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(SpecError, match=reason) as refused:
        read_kept(path)
    with pytest.raises(SpecError) as expected:
        READ(path)
    assert str(refused.value) == str(expected.value)


def run(code: str, kept: Path) -> str:
    """What a program prints that keeps what it reads in a folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(kept)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_second_start_needs_no_yaml(tmp_path: Path) -> None:
    first, second = (run(READS, tmp_path).split(" ", 1) for _ in range(2))
    assert (first[0], second[0]) == ("True", "False")
    assert first[1] == second[1]


@pytest.mark.slow
def test_an_image_is_built_with_all_that_it_could_not_keep(tmp_path: Path) -> None:
    commands = set(re.findall(r"python -P -c '([^']+)'", (ROOT / "Dockerfile").read_text(encoding="utf-8")))
    assert len(commands) == 1
    run(commands.pop(), tmp_path)
    ours = [*ROOT.glob("openapi/*.yaml"), *ROOT.glob("fixtures/*.yaml"), *ROOT.glob("fakeserver/**/*.yaml")]
    assert {path.name.partition(".")[0] for path in tmp_path.rglob("*.marshal")} == {path.stem for path in ours}
    assert len([*tmp_path.rglob("*.marshal")]) == len(ours)
