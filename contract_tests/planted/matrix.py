"""Which probe convicts which bug: measured once by commands, kept beside the plan, and read by whoever weighs a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from contract_tests.laws.plan import CALLERS, MIXED, PLAN
from contract_tests.planted.bug import Bug
from contract_tests.yaml_files import read_yaml

Kills = Mapping[str, frozenset[str]]
"""Bug → the probes that convict it, as `law:probe`."""

PLANTED = PLAN.with_name("matrix.yaml")
"""Of planted bugs; written by `python -m contract_tests.planted.planning`."""
OTHER_MAKE = PLAN.with_name("other_make.yaml")
"""Of the bugs of another make, which chose no plan; written by `python -m tests.kit.other_make.convictions`."""
CALIBRATION = PLAN.with_name("calibration.yaml")
"""How plans fare with bugs that did not make them; written by `python -m contract_tests.planted.calibration`."""
OPTIONAL = frozenset({"caching.validators:etag"})
"""No plan has room for them."""
UNPLANNED = "parameters.observed:"
"""Asked whenever another probe needs the answer."""
WIDTH = 110


def is_plannable(account: str) -> bool:
    """Whether a plan decides about this probe. It does not about what every run sends, nor about the laws between
    callers, which bring their own room along."""
    law, _, probe = account.partition(":")
    always_sent = not probe or account.startswith(UNPLANNED) or law in CALLERS or account in MIXED
    return not always_sent and account not in OPTIONAL


def name_of(bug: Bug) -> str:
    """The name of a planted bug among those of its provider."""
    return f"{bug.operation} {bug.name}"


def spans(numbers: Iterable[int]) -> str:
    """Numbers as text: `0-5 7`."""
    runs = [[each for _, each in run] for _, run in groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])]
    return " ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def numbers(text: str) -> list[int]:
    """What `spans` has written."""
    ends = [part.partition("-") for part in text.split()]
    return [each for first, _, last in ends for each in range(int(first), int(last or first) + 1)]


def write_matrix(path: Path, made: Mapping[str, Kills], command: str) -> None:
    """By provider: all probes that convict anything, and for each bug the places of its own in that list."""
    told: dict[str, Any] = {}
    for slug, kills in made.items():
        probes = sorted(frozenset[str]().union(*kills.values()))
        place = {probe: number for number, probe in enumerate(probes)}
        told[slug] = {
            "probes": probes,
            "bugs": {bug: spans(place[probe] for probe in own) for bug, own in kills.items()},
        }
    write_measured(path, told, command)
    read_matrix.cache_clear()


def write_measured(path: Path, made: Any, command: str) -> None:
    """What a command has measured, with its name in front."""
    text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=WIDTH)
    path.write_text(f"# Written by `{command}`.\n{text}", encoding="utf-8")


@cache
def read_matrix(path: Path) -> Mapping[str, Kills]:
    """Provider → bug → the probes that convict it; nothing where none was measured."""
    told: Mapping[str, Any] = read_yaml(path) if path.exists() else {}
    return {
        slug: {
            bug: frozenset(of_provider["probes"][each] for each in numbers(str(text)))
            for bug, text in of_provider["bugs"].items()
        }
        for slug, of_provider in told.items()
    }


@cache
def read_shares(path: Path) -> Mapping[tuple[str, str], Mapping[str, float]]:
    """Profile and provider → planted bug → the share of plans made without it that catch it, where that is not all."""
    told: Mapping[str, Any] = read_yaml(path) if path.exists() else {}
    return {
        (profile, slug): of_provider["shares"]
        for profile, providers in told.items()
        for slug, of_provider in providers.items()
    }
