"""Draws vocabularies with Faker: people by locale, and, by seed, which of the words that developers use."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import yaml

from fakeserver.arguments import closest, near
from fakeserver.extras import install_line
from fakeserver.recipes import words
from fakeserver.recipes.located import FixtureError

if TYPE_CHECKING:
    from faker import Faker

DEFAULT_LOCALE = "en_US"
PEOPLE = 40
PLACES_OF_MAIL = ("example.com", "example.org", "example.net")
FAMILY_FIRST = ("hu", "ja", "ko", "vi", "zh")
"""Languages in which the family's name comes first."""

Vocabularies = dict[str, list[Any]]


def draw_vocabularies(locale: str = DEFAULT_LOCALE, seed: int = 0) -> Vocabularies:
    """Lists of words, most common first. Which people there are depends on the locale, the rest on the seed alone.

    Raises a FixtureError of one sentence where Faker is not installed or does not know the locale."""
    fake = make_faker(locale, seed)
    rng = random.Random(seed)
    services, tickets = shuffled(rng, words.SERVICES), draw_tickets(rng, 24)
    return {
        **draw_people(fake, family_first=locale[:2] in FAMILY_FIRST),
        "teams": shuffled(rng, words.TEAMS),
        "companies": [
            f"{name} {fake.company_suffix()}".strip() for name in shuffled(rng, words.split(words.COMPANIES))[:16]
        ],
        "services": services,
        "jobs": shuffled(rng, words.JOBS),
        "workloads": shuffled(rng, words.WORKLOADS),
        "agents": shuffled(rng, words.AGENTS),
        "builds": shuffled(rng, words.BUILDS),
        "tickets": tickets,
        "branches": draw_branches(rng, tickets),
        "runs": [str(rng.randrange(14_000_000_000, 18_000_000_000)) for _ in range(16)],
        "projects": draw_projects(rng),
        "workspaces": [{"id": draw_uuid(rng), "key": key} for key in words.WORKSPACES],
        "images": [*words.IMAGES, *(draw_image(rng, service) for service in services[:9])],
        "gpu_images": [*words.GPU_IMAGES],
        "domains": [f"{host}.example.com" for host in shuffled(rng, words.HOSTS)],
        "addresses": [f"{rng.choice(words.NETWORKS)}.{number}" for number in rng.sample(range(1, 255), 16)],
        "regions": [*words.REGIONS],
        "cities": shuffled(rng, words.split(words.CITIES)),
        "longest": [{"key": words.LONG_KEY, "text": words.LONG_TEXT}],
    }


def write_vocabularies(locale: str, seed: int) -> str:
    """The text of a `vocabularies.yaml`."""
    drawn = yaml.safe_dump(draw_vocabularies(locale, seed), allow_unicode=True, sort_keys=False, width=110)
    return f"# Drawn by: fakeserver vocabularies --locale {locale} --seed {seed}\n{drawn}"


def make_faker(locale: str, seed: int) -> Faker:
    try:
        from faker import Faker
        from faker.config import AVAILABLE_LOCALES
    except ImportError as error:
        raise FixtureError(
            f"drawing vocabularies needs Faker ({error}); install it with: {install_line('fixtures')}"
        ) from error
    if locale not in AVAILABLE_LOCALES:
        known = closest(locale, AVAILABLE_LOCALES) or (
            "de_DE",
            "fr_FR",
            "ja_JP",
            "and many more",
        )
        raise FixtureError(f"Faker has no locale {locale!r}{near(locale, known)}")
    fake = Faker(locale)
    fake.seed_instance(seed)
    return fake


def draw_people(fake: Faker, *, family_first: bool) -> Vocabularies:
    """Handles, full names and e-mail addresses of the same people, in the same order."""
    from faker.decode import unidecode

    found: dict[str, str] = {}
    draws = 0
    while len(found) < PEOPLE:
        draws += 1
        first, last = (
            (fake.first_name_female(), fake.last_name_female())
            if draws % 2
            else (fake.first_name_male(), fake.last_name_male())
        )
        given, family = (re.sub(r"[^a-z]", "", unidecode(name).lower()) for name in (first, last))
        # Some locales have fewer first names than a team has people, so that a number tells them apart in the end.
        handle = (f"{given[:1]}{family}", f"{given}.{family}", f"{given}-{family[:1]}")[draws % 3]
        handle += str(draws) if draws > PEOPLE * 10 else ""
        name = f"{last} {first}" if family_first else f"{first} {last}"
        if given and family and not words.is_unfit(f"{given} {family} {name}") and not words.hides_unfit(handle):
            found.setdefault(handle, name)
    handles = list(found)
    emails = [f"{handle}@{PLACES_OF_MAIL[len(handle) % len(PLACES_OF_MAIL)]}" for handle in handles]
    return {"people": handles, "names": [*found.values()], "emails": emails}


def draw_tickets(rng: random.Random, count: int) -> list[str]:
    return [f"{rng.choice(words.TICKETS)}-{number}" for number in rng.sample(range(101, 4_900), count)]


def draw_branches(rng: random.Random, tickets: list[str]) -> list[str]:
    topics = shuffled(rng, words.TOPICS)
    drawn = [
        f"{rng.choice(words.BRANCHES)}/{ticket}-{topic}" for ticket, topic in zip(tickets, topics[:12], strict=False)
    ]
    return [*words.STANDING_BRANCHES, *drawn, words.LONG_BRANCH]


def draw_projects(rng: random.Random) -> list[dict[str, str]]:
    """The last, which is the rarest, has a name that takes several lines of a narrow column."""
    names = [*shuffled(rng, words.split(words.PROJECTS))[:23], words.LONG_PROJECT]
    return [
        {"id": draw_uuid(rng), "key": re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"), "name": name}
        for name in names
    ]


def draw_image(rng: random.Random, service: str) -> str:
    """A service's image with a tag of the kinds that are in use: a version, a branch with its commit, a date."""
    tags = (
        f"{rng.randrange(1, 5)}.{rng.randrange(30)}.{rng.randrange(10)}",
        f"main-{rng.randrange(16**7):07x}",
        f"2025.{rng.randrange(1, 13)}.{rng.randrange(1, 20)}",
    )
    return f"registry.example.com/platform/{service}:{rng.choice(tags)}"


def draw_uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def shuffled(rng: random.Random, entries: list[str]) -> list[str]:
    return rng.sample(entries, len(entries))
