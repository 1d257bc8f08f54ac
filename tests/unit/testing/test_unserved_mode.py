"""A test that asks the fake for what it does not serve can be made to fail: an SDK may take the answer for success."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

TEST = """
import httpx
import pytest

{mark}
def test_it(fakeserver):
    prime = fakeserver.prime
    with httpx.Client(trust_env=False, headers={{"Authorization": f"Bearer {{prime.token}}"}}) as client:
        client.request({method!r}, prime.base_url + {path!r})
"""
LIST = "/api/v1/sandbox"
SERVED, KNOWN, UNKNOWN, WRONG_METHOD = (
    ("GET", LIST),
    ("POST", f"{LIST}/x/checkpoints"),
    ("GET", "/nowhere"),
    ("PUT", LIST),
)


def outcomes(pytester: pytest.Pytester, method: str, path: str, *, mark: str = "", setting: str = "") -> str:
    """What became of a test with this request: `passed`, or what its failure says."""
    pytester.makepyfile(test_theirs=TEST.format(method=method, path=path, mark=mark))
    pytester.makeini(f"[pytest]\n{setting}\n")
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    told = [line for line in done.outlines if "does not serve" in line and line.startswith("the fake")]
    if done.ret == pytest.ExitCode.OK:
        assert not told
        return "passed"
    return told[0]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (SERVED, "passed"),
        (KNOWN, "the fake does not serve POST /api/v1/sandbox/{id}/checkpoints of prime, so nothing happened"),
        (UNKNOWN, "the fake does not serve GET /nowhere of prime, so nothing happened"),
        (WRONG_METHOD, "the fake does not serve PUT /api/v1/sandbox of prime, so nothing happened"),
    ],
)
def test_a_setting_fails_the_test(pytester: pytest.Pytester, request_: tuple[str, str], says: str) -> None:
    """An operation that the provider has, a path that nobody has, and a method that the path does not have."""
    assert outcomes(pytester, *request_, setting="fakeserver_unserved = fail") == says
    assert outcomes(pytester, *request_) == "passed"


def test_a_marker_says_it_for_one_test(pytester: pytest.Pytester) -> None:
    """Over the setting, in both directions."""
    assert outcomes(pytester, *KNOWN, mark="@pytest.mark.fakeserver_unserved('fail')").startswith("the fake")
    ignored = "@pytest.mark.fakeserver_unserved('ignore')"
    assert outcomes(pytester, *KNOWN, mark=ignored, setting="fakeserver_unserved = fail") == "passed"


def test_a_misspelt_setting_is_wrong_usage(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    pytester.makeini("[pytest]\nfakeserver_unserved = faill\n")
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "the setting fakeserver_unserved is 'faill'; it can be fail or ignore" in "\n".join(done.errlines)


def test_a_misspelt_marker_is_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_theirs=TEST.format(method="GET", path=LIST, mark="@pytest.mark.fakeserver_unserved"))
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert done.ret != pytest.ExitCode.OK
    assert "the marker fakeserver_unserved is ''; it can be fail or ignore" in done.stdout.str() + done.stderr.str()
