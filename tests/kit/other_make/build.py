"""One build of the server: what it answers where the page leaves it open, and the mistakes that it was shipped with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

HERE = Path(__file__).parent
SLUGS = ("dreadnode", "instavm", "prime", "superserve")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Variant:
    """A place where a page is silent, and what competent engineers would answer there; the default answer first."""

    name: str
    slug: str
    answers: tuple[str, ...]
    silence: str
    why: str


@dataclass(frozen=True, slots=True)
class Bug:
    """What an engineer got wrong. It breaks a sentence of the page (`MUST`) or what everybody assumes (`SHOULD`), or is
    one that the provider's own server is known for (`KNOWN`), so that it is told and fails no check."""

    name: str
    slug: str
    summary: str
    breaks: str
    tier: str = "MUST"
    unfair: str = ""
    """Why nobody who only reads, with three callers, can see it on this data; empty where it can be seen."""


@cache
def entries(file: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.load((HERE / file).read_text(encoding="utf-8"), Loader=LOADER)
    return found


@cache
def variants(slug: str) -> tuple[Variant, ...]:
    """The places where this provider's page is silent."""
    return tuple(
        Variant(each["name"], slug, tuple(map(str, each["answers"])), each["silence"], each["why"])
        for each in entries("variants.yaml")
        if slug in each["providers"]
    )


@cache
def defaults(slug: str) -> Mapping[str, str]:
    """What a build answers that nobody has told otherwise."""
    return {each.name: each.answers[0] for each in variants(slug)}


@cache
def bugs(slug: str) -> tuple[Bug, ...]:
    """This provider's bugs."""
    return tuple(
        Bug(each["name"], slug, each["summary"], each["breaks"], each.get("tier", "MUST"), each.get("unfair", ""))
        for each in entries("bugs.yaml")
        if slug in each["slugs"]
    )


@dataclass(frozen=True, slots=True)
class Build:
    """A server of one provider: other answers than the default ones by their variant, and at most one bug."""

    slug: str
    answers: Mapping[str, str] = field(default_factory=dict)
    bug: str = ""

    def __post_init__(self) -> None:
        offered = {each.name: each.answers for each in variants(self.slug)}
        for name, answer in self.answers.items():
            if answer not in offered.get(name, ()):
                raise ValueError(f"{self.slug} has no variant {name}={answer}")
        if self.bug and self.bug not in {each.name for each in bugs(self.slug)}:
            raise ValueError(f"{self.slug} has no bug {self.bug!r}")

    def answer(self, name: str) -> str:
        """What this build does where the page is silent; the variant must be one of this provider's."""
        return self.answers.get(name) or defaults(self.slug)[name]

    def takes(self, name: str, answer: str) -> bool:
        """Whether this build gives that answer; no build does where this provider's page is not silent."""
        return (self.answers.get(name) or defaults(self.slug).get(name)) == answer

    def has(self, bug: str) -> bool:
        """Whether this build was shipped with that bug."""
        return self.bug == bug

    def __str__(self) -> str:
        chosen = ", ".join(f"{name}={answer}" for name, answer in self.answers.items())
        return f"{self.slug}: {chosen or 'defaults'}{f', bug {self.bug}' if self.bug else ''}"


def alone(slug: str) -> list[Build]:
    """Every other answer, one at a time."""
    return [Build(slug, {each.name: answer}) for each in variants(slug) for answer in each.answers[1:]]


def combination(slug: str, seed: int) -> Build:
    """An answer to everything that the page leaves open, at random."""
    rng = Random(f"{slug} {seed}")
    chosen = {each.name: rng.choice(each.answers) for each in variants(slug)}
    return Build(
        slug, {each.name: chosen[each.name] for each in variants(slug) if chosen[each.name] != each.answers[0]}
    )
