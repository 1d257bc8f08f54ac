"""URLs as the client reads them: what cannot be used is told, and what is the same server is known to be."""

from __future__ import annotations

import httpx
import pytest

from contract_tests.sending.address import BadAddress, address, is_loopback, origin_of
from contract_tests.sending.ask import Ask
from contract_tests.sending.security import NeverSent
from contract_tests.sending.wire import Wire
from tests.support.sending import SECRET, SECURITY, silent


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("HTTP://LOCALHOST:8124/Prime", "http://localhost:8124/Prime"),
        ("https://H.example.com:443/x", "https://h.example.com/x"),
        ("http://h.example.com:80", "http://h.example.com"),
        ("http://h.example.com:/x", "http://h.example.com/x"),
        ("http://bücher.localhost/x", "http://xn--bcher-kva.localhost/x"),
        ("http://bücher.localhost:8000/x", "http://xn--bcher-kva.localhost:8000/x"),
        ("http://h.example.com./x", "http://h.example.com./x"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
        ("http://[0:0::1]:80/x", "http://[0:0::1]/x"),
        ("https://h.example.com/a/../b", "https://h.example.com/b"),
        ("http://my_host:1/x", "http://my_host:1/x"),
    ],
)
def test_a_url_is_normalised_as_the_client_does(url: str, same: str) -> None:
    """And a request below it leaves for the server that it names."""
    assert str(address(url)) in (same, same + "/")
    seen: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return silent(request)

    for spelling in (url, same):
        client = httpx.Client(transport=httpx.MockTransport(answer))
        Wire(spelling, SECURITY, {"token": SECRET}, client=client).send(Ask("/api"))
    assert origin_of(seen[0]) == origin_of(seen[1]) == origin_of(httpx.URL(same))
    assert seen[0].path == seen[1].path


@pytest.mark.parametrize("path", ["/../x", "/%2e%2e/x", "/x@evil.test", "/:80", "/\\evil.test", "/%0d%0ahost:x"])
def test_no_path_leads_to_another_server(path: str) -> None:
    """Whatever a path holds, it stays one."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return silent(request)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    Wire("http://h.example.com", SECURITY, {"token": SECRET}, client=client).send(Ask(path))
    assert seen == ["h.example.com"]


def test_a_port_that_a_path_adds_leaves_nowhere() -> None:
    """A base URL without a slash behind it ends where a path begins."""
    client = httpx.Client(transport=httpx.MockTransport(silent))
    with pytest.raises(NeverSent):
        Wire("http://h.example.com", SECURITY, {"token": SECRET}, client=client).send(Ask(":81/x"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not an http or https URL"),
        ("localhost:8000", "not an http or https URL"),
        ("//h/x", "not an http or https URL"),
        ("ftp://h", "not an http or https URL"),
        ("http:///x", "not an http or https URL"),
        ("http:/h", "not an http or https URL"),
        ("http://[::1", "is not a URL"),
        ("http://[::1]x/", "is not a URL"),
        ("http://[1.2.3.4]/", "is not a URL"),
        ("http://256.1.1.1/", "is not a URL"),
        ("http://xn--/", "is not a URL"),
        ("http://\udcff/", "is not a URL"),
        ("http://h/\udcff", "is not a URL"),
        ("http://h:80:80/", "is not a URL"),
        ("http://h:eighty/", "is not a URL"),
        ("http://h/" + "a" * 70_000, "is not a URL"),
        ("http://h:99999/", "a port that is not one of"),
        ("http://h:0/", "a port that is not one of"),
        ("http://h:-1/", "a port that is not one of"),
        ("http://h:+80/", "a port that is not one of"),
        ("http://h:８０/", "a port that is not one of"),
        ("http://a b/", "holds the character ' '"),
        (" http://h/", "holds the character ' '"),
        ("http://h/a\tb", "holds the character"),
        ("http://h/\x01", "holds the character"),
        ("http://h/\x7f", "holds the character"),
        ("http://h\r\nx: y/", "holds the character"),
        ("http:\\\\h\\x", "holds the character"),
        ("http://h\\@evil.test/", "holds the character"),
        ("http://.", "cannot exist"),
        ("http://a..b/", "cannot exist"),
        ("http://-a/", "cannot exist"),
        ("http://a%20b/", "cannot exist"),
        ("http://h;x/", "cannot exist"),
        ("http://" + "a" * 64 + ".example.com/", "cannot exist"),
        ("http://" + "a." * 130 + "com/", "cannot exist"),
        ("http://me:pw@h/", "a credential"),
        ("http://me@h/", "a credential"),
        ("http://@h/", "a credential"),
        ("http://h?", "holds a query"),
        ("http://h/#", "holds a query"),
    ],
)
def test_what_cannot_be_used_is_told(url: str, says: str) -> None:
    """Each as one sentence that goes on behind the URL."""
    with pytest.raises(BadAddress, match=says) as caught:
        address(url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8000/x", True),
        ("http://127.9.9.9", True),
        ("http://LOCALHOST/x", True),
        ("http://localhost./x", True),
        ("http://bücher.localhost/", True),
        ("http://[::1]:1/", True),
        ("http://[::ffff:127.0.0.1]/", True),
        ("http://[::2]/", False),
        ("http://localhost.example.com", False),
        ("https://api.example.test/prime", False),
        ("http://[::1", False),
    ],
)
def test_loopback_is_told_apart(url: str, loopback: bool) -> None:
    """Only this machine is asked without a pause and without a proxy, by whatever name."""
    assert is_loopback(url) is loopback
