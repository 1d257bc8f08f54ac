"""Tests of applications that name no base URL: `intercepted()`, and pytest's `--fakeserver-intercept`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx
import pytest

from fakeserver.testing import intercepted, running
from tests.support.command import environment
from tests.support.network import run_inside, why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]

URL = "https://api.primeintellect.ai/api/v1/sandbox"
KEY = {"Authorization": "Bearer made-up"}
TESTS = """
import os
import httpx

URL, KEY = "https://api.primeintellect.ai/api/v1/sandbox", {"Authorization": "Bearer made-up"}
made = {}

def create(name):
    answer = httpx.post(URL, json={"name": name, "docker_image": "python:3.11"}, headers=KEY)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]

def names():
    return {row["name"] for row in httpx.get(URL, params={"per_page": 100}, headers=KEY).json()["sandboxes"]}

def test_one():
    create("one-of-mine")
    assert "one-of-mine" in names()

def test_two(fakeserver):
    assert "one-of-mine" not in names()
    fakeserver.prime.fault(code=402, operation="listSandboxes")
    assert httpx.get(URL, headers=KEY).status_code == 402

def test_three(fakeserver):
    assert httpx.get(URL, headers=KEY).status_code == 200
    assert httpx.get("https://docs.primeintellect.ai/").headers["x-fakeserver-guard"]
    assert [row["status"] for row in fakeserver.requests] == [200, 502]

def test_what_leads_an_sdk_elsewhere_is_not_there():
    assert "PRIME_API_BASE_URL" not in os.environ
    assert os.environ["PRIME_API_KEY"] == "mine"
"""


def test_a_block_is_intercepted_and_nothing_else() -> None:
    """Worlds can be changed in it; the environment is what it was behind it."""
    before = dict(os.environ)
    with running() as server, intercepted(server, providers=["prime"], offline=True) as interception:
        with httpx.Client(headers=KEY) as client:
            assert client.get(URL).status_code == 200
            interception.enter("another")
            assert client.get(URL).status_code == 200
            rows = client.get(f"{server.base_url}/ns/another/__admin/requests").json()["requests"]
            assert [row["status"] for row in rows] == [200]
            with pytest.raises(httpx.ProxyError):
                client.get("https://api.superserve.ai/sandboxes")
        assert interception.seen.answered == {"prime": 2}
    assert dict(os.environ) == before


def test_strict_credentials_stay_strict() -> None:
    with intercepted(strict_credentials=True) as interception:
        assert httpx.get(URL, headers=KEY).status_code == 401
        interception.enter("another")
        assert httpx.get(URL, headers=KEY).status_code == 401


def test_every_test_has_a_world_of_its_own(tmp_path: Path) -> None:
    """With pytest's option; nothing but that and a key is needed, on a network of its own."""
    (tmp_path / "test_application.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    surroundings = {**environment(tmp_path), "PRIME_API_KEY": "mine", "PRIME_API_BASE_URL": "http://elsewhere"}
    surroundings.pop("NO_PROXY")
    done = run_inside([*command, "--fakeserver-intercept"], surroundings, tmp_path)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-1_000:]
    assert "4 passed" in done.stdout
