"""What a release is made of: the check, its workflow, and what they say of the package."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.support.asgi import ROOT
from tests.support.scripts import load_script

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """The script, as a module."""
    return load_script("release")


def test_the_supported_pythons_are_the_packages(release: Any) -> None:
    classifiers = PYPROJECT["project"]["classifiers"]
    minors = [int(found[1]) for each in classifiers if (found := re.search(r":: 3\.(\d+)$", each))]
    assert (min(minors), max(minors)) == (release.LOWEST, release.NEWEST)


def test_a_release_is_that_of_its_tag(release: Any) -> None:
    """A tag of another version, or a version without a chapter in the changelog, stops it with one line."""
    version = release.check_version(None)
    with pytest.raises(SystemExit, match=rf"the tag is v999, and __version__ .* is {re.escape(version)}"):
        release.check_version("v999")
    if f"\n## {version} " not in (ROOT / "CHANGELOG.md").read_text("utf-8"):
        with pytest.raises(SystemExit, match=r"CHANGELOG\.md has no chapter"):
            release.check_version(f"v{version}")


def test_the_image_steps_are_found(release: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every COPY and RUN of a target's stages is taken, in order, with a scratch folder for its root."""
    steps: list[tuple[str, ...]] = []
    monkeypatch.setattr(release, "run", lambda *command, **how: steps.append((*map(str, command),)))
    monkeypatch.setattr(release, "try_read_only", lambda *given: None)
    for target, wanted in (("slim", "'.[fast]'"), ("full", "'.[commands,intercept,postgres,fast]'")):
        folder = tmp_path / target
        steps.clear()
        release.try_image(Path(sys.executable), target, folder)
        made, installed = (each[-1] for each in steps)
        assert made == f"'{sys.executable}' -m venv {folder}/opt/fakeserver"
        assert installed.startswith(f"{folder}/opt/fakeserver/bin/python -m pip install ")
        installed, _, kept = installed.partition(" && ")
        assert installed.endswith(wanted)
        assert kept.strip().startswith(f"{folder}/opt/fakeserver/bin/python -P -c 'import fakeserver")
        assert (folder / "src" / "fakeserver" / "cli.py").exists()
        assert (folder / "src" / "requirements" / "dev.lock").exists()
        assert (folder / "src" / "pyproject.toml").exists()


def test_what_is_published_is_what_was_checked() -> None:
    """The workflow runs the gate and the check on the tag, and only its last job may speak to the index."""
    build, publish = WORKFLOW["jobs"]["build"], WORKFLOW["jobs"]["publish"]
    runs = [step["run"] for step in build["steps"] if "run" in step]
    assert runs[0] == ".ci/run"
    assert runs[1].startswith("make release-check ")
    assert "--tag $GITHUB_REF_NAME" in runs[1]
    assert publish["needs"] == "build"
    assert (WORKFLOW["permissions"], publish["permissions"]) == ({"contents": "read"}, {"id-token": "write"})
    assert "permissions" not in build
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")


@pytest.mark.slow
def test_the_check_says_what_it_takes() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "release.py", "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "--tag" in done.stdout


def test_a_release_says_where_its_source_is(release: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As long as there is no public address the check says so, and lets nothing be published; a made-up one is no
    address."""
    urls = PYPROJECT["project"].get("urls", {})
    wheel = tmp_path / "fakeserver-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        lines = "".join(f"Project-URL: {name}, {url}\n" for name, url in urls.items())
        packed.writestr("fakeserver-1.dist-info/METADATA", f"Metadata-Version: 2.4\nName: fakeserver\n{lines}\n")
    if not urls:
        release.check_urls(wheel, "1", needed=False)
        assert "has no [project.urls]; a release needs Source, Changelog and Issues" in capsys.readouterr().out
        with pytest.raises(SystemExit, match=r"has no \[project\.urls\]"):
            release.check_urls(wheel, "1", needed=True)
        assert "no public address" in (ROOT / "docs" / "start.md").read_text("utf-8")
    else:
        release.check_urls(wheel, "1", needed=True)
        assert {"Source", "Changelog", "Issues"} <= urls.keys()
        assert not any("example" in each for each in urls.values())
