"""The other make's own promises: its tables are fresh, and what they list is really there."""

from __future__ import annotations

import re
import socket
import threading
from functools import cache
from random import Random

import httpx
import pytest
import uvicorn

from tests.kit.other_make import data
from tests.kit.other_make.build import HERE, SLUGS, Build, alone, bugs, combination, variants
from tests.kit.other_make.calling import server
from tests.kit.other_make.measure import TABLES, wrong_builds
from tests.kit.other_make.transcript import HEADERS, Transcript, paths

SECONDS = 20
SAMPLE = 3
CHANGES = {slug: [*alone(slug), *wrong_builds(slug)] for slug in SLUGS}
EVERY = [build for builds in CHANGES.values() for build in builds]


@cache
def clean(slug: str) -> str:
    return repr(Transcript(Build(slug)).answers)


def sample() -> list[Build]:
    """A few other answers and bugs of each provider, by a seed."""
    return [build for slug in SLUGS for build in Random(slug).sample(CHANGES[slug], SAMPLE)]


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_fresh(name: str) -> None:
    """They are what `python -m tests.kit.other_make.measure --write` writes."""
    assert (HERE / name).read_text(encoding="utf-8") == TABLES[name]()


def test_there_are_enough_of_both() -> None:
    """At least sixty silences with another answer, and eighty mistakes, none of them counted twice."""
    silences = {(each.name, each.silence) for slug in SLUGS for each in variants(slug)}
    assert len(silences) >= 60
    assert len({each.name for slug in SLUGS for each in bugs(slug)}) >= 80
    for slug in SLUGS:
        assert all(len(set(each.answers)) == len(each.answers) > 1 for each in variants(slug))
        assert len({each.name for each in variants(slug)}) == len(variants(slug))
        assert len({each.name for each in bugs(slug)}) == len(bugs(slug))


def test_what_is_listed_is_built() -> None:
    """The code asks for every bug and every variant by its name, and for no other."""
    text = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("*.py"))
    known = {each.name for slug in SLUGS for each in bugs(slug)}
    known |= {each.name for slug in SLUGS for each in variants(slug)}
    assert {name for name in known if f'"{name}"' not in text} == set()
    asked = set(re.findall(r'(?:build\.|self\.build\.)(?:has|takes|answer)\(\s*"([a-z_0-9]+)"', text))
    assert asked - known == set()


def test_a_build_that_nobody_wrote_is_refused() -> None:
    """A misspelt answer or bug is no build."""
    with pytest.raises(ValueError, match="no variant ties=nobody"):
        Build("prime", {"ties": "nobody"})
    with pytest.raises(ValueError, match="no bug"):
        Build("prime", bug="keyset_both")


@pytest.mark.slow
@pytest.mark.parametrize("build", sample(), ids=str)
def test_a_build_answers_otherwise(build: Build) -> None:
    """Each other answer and each bug changes what some caller is told."""
    assert repr(Transcript(build).answers) != clean(build.slug)


@pytest.mark.soak
@pytest.mark.parametrize("build", EVERY, ids=str)
def test_every_build_answers_otherwise(build: Build) -> None:
    """The same of all of them."""
    test_a_build_answers_otherwise(build)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_build_answers_alike(slug: str) -> None:
    """What a right build is asked twice has the same answers, whatever it was mixed from."""
    for build in (Build(slug), combination(slug, 1)):
        steady = Build(slug, {name: answer for name, answer in build.answers.items() if name != "throttling"})
        one, two = (Transcript(steady).answers for _ in range(2))
        assert one == two


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_the_server_answers_behind_a_socket(slug: str) -> None:
    """The same application under uvicorn, over real HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(server(Build(slug)).app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        secret = data.CALLERS[slug].token
        headers = {HEADERS[slug]: secret if slug == "superserve" else f"Bearer {secret}"}
        url = f"http://127.0.0.1:{listener.getsockname()[1]}{paths(slug)[0]}"
        answer = httpx.get(url, headers=headers, timeout=SECONDS, trust_env=False)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json()
        assert httpx.get(url, timeout=SECONDS, trust_env=False).status_code == 401
    finally:
        running.should_exit = True
        thread.join(SECONDS)
        listener.close()
