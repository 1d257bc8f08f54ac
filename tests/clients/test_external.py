"""A provider's own tests are run by one command, wherever somebody has fetched them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients import external
from tests.support.network import why_not


def test_a_folder_without_tests_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], [str(tmp_path)]):
        assert external.main(words) == 2
        assert "packages/prime-sandboxes" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a network of its own")
def test_the_tests_find_the_fake_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the SDK in question, and as somebody who has an account."""
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_one.py").write_text(
        "from importlib.metadata import version\n"
        "from prime_sandboxes import APIClient, SandboxClient\n"
        "def test_it():\n"
        "    assert version('prime-sandboxes') == '0.5.1'\n"
        "    assert SandboxClient(APIClient()).list(per_page=1).total > 0\n"
    )
    monkeypatch.setattr(external, "TESTS", ("test_one",))
    monkeypatch.setattr(external, "VERSIONS", {"0.5.1": None})
    assert external.main([str(tmp_path)]) == 0
