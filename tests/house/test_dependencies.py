"""What the project is built on: the lock holds what pyproject.toml asks for, and tells nothing of any machine."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements" / "dev.lock").read_text(encoding="utf-8")
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[\w.+!-]+)(?: ; (?P<marker>.+))?")


@cache
def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def requirements() -> list[Requirement]:
    """Everything that the package and its extras ask for by name."""
    texts = [*project()["dependencies"]]
    for extra in project()["optional-dependencies"].values():
        texts += extra
    return [each for each in map(Requirement, texts) if each.name != project()["name"]]


def pins() -> dict[str, str]:
    """The version of every package in the lock, by its normalized name."""
    found = {}
    for line in LOCK.splitlines():
        if not line.startswith("#"):
            pin = PIN.fullmatch(line)
            assert pin, line
            assert pin["name"] not in found, line
            found[pin["name"]] = pin["version"]
    return found


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_the_lock_satisfies_pyproject(requirement: Requirement) -> None:
    """Each requirement is pinned to a version that it allows; where it is not, `make lock` was forgotten."""
    version = pins().get(re.sub(r"[-_.]+", "-", requirement.name).lower())
    assert version, f"{requirement.name} is not in the lock"
    assert requirement.specifier.contains(version), f"the lock has {version}"


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_requirement_has_a_lowest_version(requirement: Requirement) -> None:
    """`make lowest` can only hold what is promised: each requirement names the oldest version that it takes."""
    assert {each.operator for each in requirement.specifier} & {">=", "==", "~="}


def test_the_lock_names_no_host() -> None:
    """A lock is the same wherever it was made: pins only, no address of an index, no path."""
    assert pins()
    assert not re.search(r"https?:|file:|--|/", LOCK)


def test_the_supported_pythons_are_the_tested_ones() -> None:
    """The workflow runs the gate on exactly the Pythons that the package says it supports."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    gate = workflow["jobs"]["gate"]
    prefix = "Programming Language :: Python :: "
    named = [each.removeprefix(prefix) for each in project()["classifiers"] if re.fullmatch(prefix + r"\d\.\d+", each)]
    assert gate["strategy"]["matrix"]["python"] == named
    assert all(SpecifierSet(project()["requires-python"]).contains(each) for each in named)
    assert not SpecifierSet(project()["requires-python"]).contains("3.10")
    assert gate["steps"][-1] == {"run": ".ci/run"}


def test_uvicorn_is_held_to_one_minor() -> None:
    """The protocol overrides private parts of uvicorn, so no version that nobody has looked at is let in."""
    (uvicorn,) = (each for each in requirements() if each.name == "uvicorn")
    minors = {f"0.{minor}.{patch}" for minor in range(30, 80) for patch in (0, 99)}
    allowed = {version.split(".")[1] for version in minors if uvicorn.specifier.contains(version)}
    assert len(allowed) == 1, allowed


def test_all_is_every_extra() -> None:
    """But for `dev`, which has it."""
    extras = project()["optional-dependencies"]
    (whole,) = map(Requirement, extras["all"])
    assert whole.name == project()["name"]
    assert whole.extras == extras.keys() - {"all", "dev"}
    assert any(Requirement(each).extras == {"all"} for each in extras["dev"])
