"""Worlds are fit for a screenshot: names are what developers write, sizes go together, some texts are very long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from fakeserver.documents.draws import GAPS, slot_of
from fakeserver.providers import PROVIDERS, prime
from fakeserver.providers.superserve import limits as superserve
from fakeserver.recipes import words
from fakeserver.recipes.fixture import load_vocabularies
from tests.support.asgi import SLUGS, Row, app_of, main_tenant, tenants
from tests.support.soak import examples

SEEDS = (0, 1, 7, 42, 2**40)[: examples(5)]
GENERATED = {
    "id", "sandbox_id", "provider_sandbox_id", "snapshot_id", "build_id", "kubernetesJobId", "registryCredentialsId",
}  # fmt: skip
"""Fields of random letters, which may spell anything."""
OWNERS = {"owner", "userId", "displayName", "user"}
"""Where a person is named."""
PEOPLE = ("people", "names", "emails")


@cache
def documents(slug: str, seed: int = 0) -> tuple[Row, ...]:
    """The documents of all tenants."""
    app = app_of(seed=seed)
    return tuple(each for collection in tenants(app, slug).values() for each in collection.documents())


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a document, keys of metadata included, with the name of the field that it is the value of."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield "", key
            yield from texts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, name)
    elif isinstance(value, str):
        yield name, value


def person_words() -> set[str]:
    """Handles, addresses and full names, and every name that a full name is made of."""
    vocabularies = load_vocabularies()
    whole = [str(each) for name in PEOPLE for each in vocabularies[name]]
    return {each.casefold() for each in whole} | {
        part.casefold() for each in vocabularies["names"] for part in str(each).split()
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slug", SLUGS)
def test_no_name_embarrasses(slug: str, seed: int) -> None:
    """No text of any document, apart from random letters, has a word of the list."""
    for document in documents(slug, seed):
        for name, text in texts(document):
            assert name in GENERATED or not words.is_unfit(text), text


@pytest.mark.parametrize("text", ["stupid-fat-0ba0", "registry.example.com/breast:4.8", "Fat", "SEX", "a_nude_b"])
def test_what_was_shown_once_is_on_the_list(text: str) -> None:
    """The names that were reported would be found, in any spelling."""
    assert words.is_unfit(text)


def test_the_list_is_of_whole_words() -> None:
    """A harmless word with one of the list inside is harmless, but in a handle it is not taken."""
    assert not words.is_unfit("harbor-analytics status-page")
    assert words.hides_unfit("jdickson")
    assert not words.hides_unfit("sarah.chang")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slug", SLUGS)
def test_people_are_owners_and_nothing_else(slug: str, seed: int) -> None:
    """No label, team, image, project or name is a person's, and where a person is named there is one."""
    people = person_words()
    owned = 0
    for document in documents(slug, seed):
        for name, text in texts(document):
            if name in OWNERS:
                owned += text.casefold() in people
            elif name != "region":  # Somebody may be called West.
                found = {
                    text.casefold(),
                    *re.split(r"[^\w.@-]+", text.casefold()),
                    *re.findall(r"[^\W\d_]+", text.casefold()),
                }
                assert not found & people, (name, text)
    assert (owned > 50) is (slug in ("instavm", "superserve"))


@pytest.mark.parametrize(
    "vocabulary", ["services", "jobs", "teams", "branches", "tickets", "images", "projects", "workspaces"]
)
def test_vocabularies_name_nobody(vocabulary: str) -> None:
    """No word that labels, teams, images or names are made of is a person's."""
    people = person_words()
    for _, text in texts(load_vocabularies()[vocabulary]):
        assert people.isdisjoint(re.findall(r"[^\W\d_]+", text.casefold())), text


@cache
def gpu_images() -> frozenset[str]:
    return frozenset(load_vocabularies()["gpu_images"])


SIZES: dict[str, dict[str, Callable[[Row], bool]]] = {
    "prime": {
        "one to eight GB of memory for a core": lambda d: 1 <= d["memoryGB"] / d["cpuCores"] <= 8,
        "as much as the API has": lambda d: 0.1 <= d["cpuCores"] <= 16
        and 0.1 <= d["memoryGB"] <= 64
        and 0.1 <= d["diskSizeGB"] <= 1_000,
        "the disk is larger than the memory": lambda d: d["diskSizeGB"] >= d["memoryGB"],
        "cores for every GPU": lambda d: d["gpuCount"] == 0 or d["cpuCores"] >= max(4, 2 * d["gpuCount"]),
        "a GPU is in a VM, with an image for it": lambda d: d["gpuCount"] == 0
        or (d.get("vm", True) and d["dockerImage"] in gpu_images()),
        "an image for GPUs has some": lambda d: (d["gpuCount"] > 0) is (d["dockerImage"] in gpu_images()),
        "what is labelled so has a GPU": lambda d: "gpu" not in d.get("labels", ()) or d["gpuCount"] > 0,
        "no name is too long": lambda d: 1 <= len(d["name"]) <= prime.MAX_NAME,
    },
    "superserve": {
        "as much as a template may have": lambda d: 1 <= d["vcpu_count"] <= 4 and 256 <= d["memory_mib"] <= 4_096,
        "up to two GiB of memory for a core": lambda d: 256 <= d["memory_mib"] / d["vcpu_count"] <= 2_048,
        "no name is too long": lambda d: 1 <= len(d["name"]) <= superserve.MAX_NAME,
        "no metadata is too long": lambda d: not [*superserve.metadata_limits(tuple(d["metadata"].items()))],
    },
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("slug", "rule"), [(slug, rule) for slug, rules in SIZES.items() for rule in rules])
def test_sizes_go_together(slug: str, rule: str, seed: int) -> None:
    """What a sandbox is made of fits, and is what the API would have taken."""
    holds = SIZES[slug][rule]
    broken = [each for each in documents(slug, seed) if not holds(each)]
    assert not broken, broken[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_several_sizes_are_there(seed: int) -> None:
    """Both a small and a large one, with one GPU and with eight."""
    assert {0, 1, 8} <= {each["gpuCount"] for each in documents("prime", seed)}
    assert {0.5, 16} <= {each["cpuCores"] for each in documents("prime", seed)}
    assert {1, 2, 4} == {each["vcpu_count"] for each in documents("superserve", seed)}


@pytest.mark.parametrize("seed", SEEDS)
def test_some_texts_are_as_long_as_they_may_be(seed: int) -> None:
    """Names, keys, values and labels: what a layout has to bear."""
    assert max(len(each["name"]) for each in documents("prime", seed)) == prime.MAX_NAME
    assert max(len(each["name"]) for each in documents("superserve", seed)) == superserve.MAX_NAME
    assert max(len(label) for each in documents("prime", seed) for label in each.get("labels", ())) > 250
    for slug in ("superserve", "instavm"):
        pairs = [pair for each in documents(slug, seed) for pair in each["metadata"].items()]
        assert max(len(name.encode()) for name, _ in pairs) == superserve.MAX_KEY_BYTES
        assert max(len(str(value).encode()) for _, value in pairs) == superserve.MAX_VALUE_BYTES
    assert max(len(each.get("project_name") or "") for each in documents("dreadnode", seed)) > 120
    usual = sorted(len(each["name"]) for each in documents("prime", seed))[500]
    assert usual < 50


CREATED = {slug: PROVIDERS[slug].created for slug in SLUGS}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slug", SLUGS)
def test_ages_spread_over_months(slug: str, seed: int) -> None:
    """The default tenant's documents: many of the last day, some of every week of the last seven."""
    found = [datetime.fromisoformat(each[CREATED[slug]]) for each in main_tenant(app_of(seed=seed), slug).documents()]
    ages = [found[0] - each for each in found]
    assert sum(age < timedelta(days=1) for age in ages) > 300
    assert {*range(7)} <= {age // timedelta(weeks=1) for age in ages}
    assert max(ages) < timedelta(days=365)


def test_times_of_creation_follow_each_other() -> None:
    """Each ordinal's time begins where the one of the next ends, on both sides of where the distance changes."""
    borders = [start for start, _ in GAPS]
    for border in (*borders, 5_000):
        for newer, older in pairwise(range(max(0, border - 3), border + 3)):
            ended, seconds = slot_of(newer)
            assert slot_of(older)[0] == ended + seconds
    assert slot_of(1_000_000)[0] < 7 * 365 * 86_400


@pytest.mark.parametrize(
    ("vocabulary", "form"),
    [
        ("tickets", r"[A-Z]{2,5}-\d{1,5}"),
        ("branches", r"main|develop|(?:release|feat|fix|chore|perf)/[\w.-]+"),
        ("runs", r"\d{11}"),
        ("services", r"[a-z]+(?:-[a-z]+)*"),
        ("people", r"[a-z]+(?:[.-][a-z]+)?"),
        ("emails", r"[a-z.-]+@example\.(?:com|org|net)"),
        ("images", r"(?:registry\.example\.com/[a-z]+/)?[a-z0-9-]+:[\w.-]+"),
        ("addresses", r"(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}"),
    ],
)
def test_words_are_what_developers_write(vocabulary: str, form: str) -> None:
    """Tickets, branches, runs, services, handles and images have their usual form; no address is anybody's."""
    found = load_vocabularies()[vocabulary]
    assert len(found) >= 10
    assert len({*map(str, found)}) == len(found)
    for each in found:
        assert re.fullmatch(form, str(each)), each
