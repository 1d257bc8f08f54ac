"""Errors: every documented one of every operation can be had on request, is what the spec says, and is in the list."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from jsonschema_rs import Draft202012Validator

from tests.support.asgi import (
    PATHS,
    SLUGS,
    SPECS,
    Reply,
    Row,
    app_of,
    call,
    credential,
    get,
    resolved,
    schema_of,
    served,
)

OWN = "application/problem+json"
TYPES: list[str] = SPECS["dreadnode"]["components"]["schemas"]["APIErrorPayload"]["properties"]["type"]["enum"]


@cache
def app() -> Any:
    return app_of(size=40)


@cache
def catalogue() -> list[Row]:
    reply = call(app(), "/__admin/errors")
    assert (reply.status, reply.media_type) == (200, "application/json")
    found: list[Row] = reply.value
    return found


def examples(*, success: bool = False) -> list[tuple[str, str, int, str]]:
    """(provider, operation, status, example) of every named example in the specs."""
    return [
        (slug, operation["operationId"], int(code), name)
        for slug in SLUGS
        for _, _, operation in served(slug)
        for code, response in operation["responses"].items()
        for name in resolved(slug, response).get("content", {}).get("application/json", {}).get("examples", ())
        if (int(code) < 400) is success
    ]


@cache
def examples_of(slug: str, operation: str, *, success: bool = False) -> tuple[tuple[int, str], ...]:
    """(status, example) of every named example of an operation."""
    return tuple(each[2:] for each in examples(success=success) if each[:2] == (slug, operation))


OPERATIONS = sorted({each[:2] for each in (*examples(), *examples(success=True))})
"""What has examples. One test goes through all of an operation's: a test for each would be nine thousand, of which
pytest itself would take nearly all the time."""


def response_of(slug: str, operation: str, status: int) -> Row:
    for _, _, each in served(slug):
        if each["operationId"] == operation:
            found: Row = resolved(slug, each["responses"][str(status)])
            return found
    raise AssertionError(operation)


def example_of(slug: str, operation: str, status: int, name: str) -> Any:
    content = response_of(slug, operation, status)["content"]["application/json"]
    return resolved(slug, content["examples"][name])["value"]


def place_of(slug: str, operation: str) -> tuple[str, str]:
    """The operation's method, and its path with something in the place of each parameter."""
    method, path = next((method, path) for method, path, each in served(slug) if each["operationId"] == operation)
    return method, re.sub(r"\{[a-z_]+\}", "acme", path)


def ask(slug: str, operation: str, query: str = "", *, suffix: str = "", prefer: str | None = None) -> Reply:
    headers = key_of(slug, operation, suffix) | ({} if prefer is None else {"prefer": prefer})
    method, path = place_of(slug, operation)
    return call(app(), f"/{slug}{path}{'?' if query else ''}{query}", method=method, headers=headers)


def key_of(slug: str, operation: str, suffix: str) -> dict[str, str]:
    """The header with a credential; of an operation that asks for a token of its own, with any."""
    own = next(each.get("security") for _, _, each in served(slug) if each["operationId"] == operation)
    if not own:
        return credential(slug, suffix=suffix)
    (name,) = own[0]
    return {SPECS[slug]["components"]["securitySchemes"][name]["name"]: f"token{suffix}"}


def ways(slug: str, operation: str, code: int | None, example: str | None) -> dict[str, Reply]:
    """The three ways to ask for a failure; two where nobody looks at credentials."""
    parts = {"code": code, "example": example}
    given = [f"{name}={value}" for name, value in parts.items() if value is not None]
    found = {
        "prefer": ask(slug, operation, prefer=", ".join(given)),
        "query": ask(slug, operation, "&".join(f"__{each}" for each in given)),
    }
    if not is_public(slug, operation):
        found["credential"] = ask(slug, operation, suffix=f"+{','.join(given)}")
    return found


def is_public(slug: str, operation: str) -> bool:
    """Whether an operation asks for no credential."""
    return any(each["operationId"] == operation and each.get("security") == [] for _, _, each in served(slug))


@pytest.mark.parametrize(("slug", "operation"), OPERATIONS)
def test_every_error_on_request(slug: str, operation: str) -> None:
    """Header, query and credential each give exactly the example that was asked for, and say that they did."""
    for status, name in examples_of(slug, operation):
        declared = response_of(slug, operation, status).get("headers", {})
        for way, reply in ways(slug, operation, status, name).items():
            assert reply.status == status, (way, name)
            assert reply.media_type == "application/json", (way, name)
            assert reply.value == example_of(slug, operation, status, name), (way, name)
            assert reply.headers["preference-applied"] == f"code={status}, example={name}", way
            assert reply.headers["content-length"] == str(len(reply.body)), (way, name)
            assert ("retry-after" in reply.headers) is ("Retry-After" in declared), (way, name)
            assert ("www-authenticate" in reply.headers) is ("WWW-Authenticate" in declared), (way, name)


@pytest.mark.parametrize(("slug", "operation"), OPERATIONS)
def test_examples_fit_their_schema(slug: str, operation: str) -> None:
    """What is sent on request is valid against the schema that the spec gives for that status."""
    validators: dict[int, Draft202012Validator] = {}
    for status, name in (*examples_of(slug, operation), *examples_of(slug, operation, success=True)):
        reply = ask(slug, operation, f"__code={status}&__example={name}")
        assert reply.status == status, name
        if status not in validators:
            schema = response_of(slug, operation, status)["content"]["application/json"]["schema"]
            validators[status] = Draft202012Validator(schema_of(slug, schema), validate_formats=True)
        validators[status].validate(reply.value)


@pytest.mark.parametrize(("slug", "operation"), OPERATIONS)
def test_a_code_alone_gives_its_first_example(slug: str, operation: str) -> None:
    """Without a name the status's first example is sent."""
    for status in sorted({status for status, _ in examples_of(slug, operation)}):
        first = next(iter(response_of(slug, operation, status)["content"]["application/json"]["examples"]))
        for way, reply in ways(slug, operation, status, None).items():
            assert (reply.status, reply.value) == (status, example_of(slug, operation, status, first)), way
            assert reply.headers["preference-applied"] == f"code={status}", way


@pytest.mark.parametrize(("slug", "operation"), OPERATIONS)
def test_an_example_alone_brings_its_status(slug: str, operation: str) -> None:
    """A name alone is enough: its status comes with it."""
    for status, name in examples_of(slug, operation):
        for way, reply in ways(slug, operation, None, name).items():
            assert (reply.status, reply.value) == (status, example_of(slug, operation, status, name)), (way, name)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_success_on_request_is_the_real_answer(slug: str) -> None:
    """Asking for 200 changes nothing but the header that acknowledges it."""
    plain = get(app(), slug)
    for way, reply in ways(slug, "listSandboxes", 200, None).items():
        assert (reply.status, reply.body) == (200, plain.body), way
        assert reply.headers["preference-applied"] == "code=200"
    assert "preference-applied" not in plain.headers


@pytest.mark.parametrize("code", [201, 204, 302, 405, 418, 451, 501, 599])
@pytest.mark.parametrize("slug", SLUGS)
def test_an_undocumented_code_is_refused_unless_lenient(slug: str, code: int) -> None:
    """A status that the spec does not document is refused as problem+json; with handling=lenient it is sent."""
    for way, reply in ways(slug, "listSandboxes", code, None).items():
        assert (reply.status, reply.media_type) == (400, OWN), way
        assert str(code) in reply.value["detail"]
        assert reply.value["field"] == "code"
        assert "preference-applied" not in reply.headers
    lenient = ask(slug, "listSandboxes", prefer=f"code={code}, handling=lenient")
    assert (lenient.status, lenient.media_type) == (code, "application/json")
    assert lenient.value if code != 204 else lenient.body == b""
    assert lenient.headers["preference-applied"].startswith(f"code={code}")


@pytest.mark.parametrize(
    ("slug", "codes"),
    [
        ("dreadnode", [402, 405, 410, 503]),
        ("instavm", [402, 405, 410, 426]),
        ("prime", [405, 410, 426]),
        ("superserve", [402, 405, 422, 426]),
    ],
)
def test_each_provider_documents_its_own(slug: str, codes: list[int]) -> None:
    """A status that another provider documents is not thereby this one's."""
    for code in codes:
        assert ask(slug, "listSandboxes", f"__code={code}").media_type == OWN


@pytest.mark.parametrize("slug", SLUGS)
def test_an_unknown_example_is_refused(slug: str) -> None:
    """A name that no example has, or that an example of another status has, is refused; so is an unknown preference."""
    own = next(name for each, _, status, name in examples() if each == slug and status == 429)
    for given in ((429, "nobody"), (None, "nobody"), (500, own)):
        for way, reply in ways(slug, "listSandboxes", *given).items():
            assert (reply.status, reply.media_type, reply.value["field"]) == (400, OWN, "example"), way
    unknown = ask(slug, "listSandboxes", prefer="nobody=1")
    assert (unknown.status, unknown.media_type, unknown.value["field"]) == (400, OWN, "nobody")
    assert ask(slug, "listSandboxes", prefer="nobody=1, handling=lenient").status == 200


@pytest.mark.parametrize("slug", SLUGS)
def test_registered_preferences_are_ignored(slug: str) -> None:
    """Preferences that RFC 7240 registers for other purposes may be sent to the real API, so they change nothing."""
    for text in ("respond-async", "return=minimal, wait=10", "wait=10; foo=bar, respond-async"):
        reply = ask(slug, "listSandboxes", prefer=text)
        assert reply.status == 200
        assert "preference-applied" not in reply.headers


def test_a_quoted_comma_belongs_to_its_parameter() -> None:
    """RFC 7240: a comma inside a quoted string does not end a preference."""
    assert ask("prime", "listSandboxes", prefer='wait=10; foo="a,b", code=429').status == 429
    assert ask("prime", "listSandboxes", prefer='wait="1,2", code=429').status == 429


def test_header_wins_over_query_over_credential() -> None:
    """Asked for in several ways at once, the header counts, then the query, then the credential."""
    query = "__code=500"
    assert ask("prime", "listSandboxes", query, suffix="+code=502", prefer="code=429").status == 429
    assert ask("prime", "listSandboxes", query, suffix="+code=502").status == 500
    assert ask("prime", "listSandboxes", suffix="+code=502").status == 502


def test_quoted_and_spaced_preferences() -> None:
    """Preferences are read as RFC 7240 writes them: quoted, spaced, in any case, the first of two counts."""
    for text in ('code="429"', " code = 429 ", "CODE=429", "code=429, code=500", "code=429;x=y", "wait=1,code=429"):
        assert ask("prime", "listSandboxes", prefer=text).status == 429, text


@pytest.mark.parametrize(
    ("query", "prefer", "field", "says"),
    [
        ("__cod=429", None, "__cod", "did you mean '__code'?"),
        ("__proto__=1", None, "__proto__", "'__proto__' is not known"),
        ("__code=429&__tims=2", None, "__tims", "did you mean '__times'?"),
        ("__" + "x" * 5_000, None, "__" + "x" * 98, "known are __code"),
        ("", "cod=429", "cod", "did you mean 'code'?"),
        ("", "heder.Retry-After=3", "heder.retry-after", "did you mean 'header.retry-after'?"),
        ("__heder.Retry-After=3", None, "__heder.Retry-After", "did you mean '__header.Retry-After'?"),
        ("", "nothing=1", "nothing", "handling, scenario, header.NAME"),
    ],
)
def test_a_misspelt_wish_is_refused_with_what_was_meant(query: str, prefer: str | None, field: str, says: str) -> None:
    """Not answered as if nothing had been asked for, by the query no more than by the header; lenient, it is."""
    reply = ask("prime", "listSandboxes", query, prefer=prefer)
    assert (reply.status, reply.media_type) == (400, OWN)
    assert reply.value["errors"][0]["field"] == field if "errors" in reply.value else field in reply.body.decode()
    assert says in reply.value["detail"]
    assert ask("prime", "listSandboxes", query, prefer=f"{prefer or 'wait=1'}, handling=lenient").status in (200, 429)


def test_a_failure_needs_no_good_credential_or_input() -> None:
    """A failure that was asked for comes whoever asks and whatever else is wrong, on routes that exist."""
    assert call(app(), f"/prime{PATHS['prime']}?__code=429").status == 429
    assert get(app(), "prime", "__code=503&page=0&team_id=nobody").status == 503
    assert get(app(), "prime", "__code=503", path="/nobody").status == 404


def test_the_suffix_goes_with_every_scheme() -> None:
    """Where two schemes are alternatives the suffix is read from either."""
    for headers in (
        {"authorization": "Bearer dreadnode-admin-key+code=502"},
        {"x-api-key": "dreadnode-admin-key+code=502"},
    ):
        assert call(app(), f"/dreadnode{PATHS['dreadnode']}", headers=headers).status == 502


def test_times_counts_down() -> None:
    """`+code=503,times=2` fails twice and then lets the same credential through."""
    one = app_of(size=5)
    headers = credential("prime", suffix="+code=503,times=2")
    assert [call(one, f"/prime{PATHS['prime']}", headers=headers).status for _ in range(4)] == [503, 503, 200, 200]


# The list of errors.


def test_the_list_is_complete() -> None:
    """`/__admin/errors` has every named example of every documented error, and nothing else."""
    listed = [(each["provider"], each["operation"], each["code"], each["example"]) for each in catalogue()]
    assert sorted(listed) == sorted(examples())
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(("slug", "operation"), OPERATIONS)
def test_every_recipe_works(slug: str, operation: str) -> None:
    """Each recipe of the list, followed to the letter, causes the error that it is listed under."""
    listed = [each for each in catalogue() if (each["provider"], each["operation"]) == (slug, operation)]
    assert len(listed) == len(examples_of(slug, operation))
    for row in listed:
        recipes = row["recipes"]
        expected = example_of(slug, operation, row["code"], row["example"])
        assert set(recipes) <= {"cause", "prefer", "query", "credential"}, row
        name, _, text = recipes["prefer"].partition(": ")
        assert name == "Prefer", row
        replies = [ask(slug, operation, prefer=text), ask(slug, operation, recipes["query"])]
        if not is_public(slug, operation):
            replies.append(ask(slug, operation, suffix=recipes["credential"].removeprefix(f"{slug}-admin-key")))
        assert all((reply.status, reply.value) == (row["code"], expected) for reply in replies), row


def test_a_cause_can_be_pasted_into_a_shell() -> None:
    """Its address is that of a variable, and everything behind that goes out as it stands."""
    for row in catalogue():
        if "cause" in row["recipes"]:
            said = subprocess.run(
                ["bash", "-c", "printf '%s\\n' " + row["recipes"]["cause"].removeprefix("curl ")],
                env={"BASE_URL": "http://127.0.0.1:1"},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            assert f"http://127.0.0.1:1/{row['provider']}/" in said, said


def run_curl(command: str) -> Reply:
    """A `curl` of the list, in process."""
    words = shlex.split(command.replace("$BASE_URL", "http://127.0.0.1:8000"))
    assert words.pop(0) == "curl"
    method = "GET"
    if words[0] == "-X":
        method, words = words[1], words[2:]
    url = urlsplit(words[0])
    headers = {}
    for flag, value in zip(words[1::2], words[2::2], strict=True):
        assert flag == "-H"
        name, _, text = value.partition(": ")
        headers[name.lower()] = text
    return call(app(), url.path + (f"?{url.query}" if url.query else ""), method=method, headers=headers)


@pytest.mark.parametrize(
    ("slug", "operation", "codes"),
    [
        ("dreadnode", "listSandboxes", {400, 401, 403, 404, 422}),
        ("dreadnode", "getSandboxFacets", {401, 403, 404, 422}),
        ("instavm", "listSandboxes", {401, 422}),
        ("prime", "listSandboxes", {401, 403, 422}),
        ("superserve", "listSandboxes", {400, 401}),
    ],
)
def test_natural_causes(slug: str, operation: str, codes: set[int]) -> None:
    """What ordinary requests can cause is listed with a `curl` that causes it, in the provider's dialect."""
    causes = {
        each["code"]: each["recipes"]["cause"]
        for each in catalogue()
        if (each["provider"], each["operation"]) == (slug, operation) and "cause" in each["recipes"]
    }
    assert codes <= set(causes)
    for code, command in causes.items():
        reply = run_curl(command)
        assert reply.status == code, command
        schema = response_of(slug, operation, code)["content"]["application/json"]["schema"]
        Draft202012Validator(schema_of(slug, schema)).validate(reply.value)
        assert "preference-applied" not in reply.headers


def test_every_error_type_of_dreadnode() -> None:
    """Each of dreadnode's 35 error types can be had on both operations, with one status that repeats in its body."""
    assert len(TYPES) == 35
    for operation in ("listSandboxes", "getSandboxFacets"):
        statuses: dict[str, int] = {}
        for slug, each, status, name in examples():
            if (slug, each) == ("dreadnode", operation):
                reply = ask(slug, operation, prefer=f"code={status}, example={name}")
                assert (reply.value["type"], reply.value["code"]) == (name, status)
                assert reply.value["detail"]
                assert name not in statuses
                statuses[name] = status
        assert set(statuses) == set(TYPES)
        for word, status in (
            *(("authentication_error", 401), ("token_error", 401), ("forbidden_error", 403), ("not_found_error", 404)),
            *(("already_exists_error", 409), ("validation_error", 422), ("upgrade_required_error", 426)),
            *(("usage_limit_exceeded_error", 429), ("e2b_rate_limit_error", 429), ("server_error", 500)),
            *(("bad_gateway_error", 502), ("gateway_timeout_error", 504)),
        ):
            assert statuses[word] == status


def names_of(slug: str, operation: str) -> set[str]:
    """The operation's parameters and the members of its body."""
    path, found = next((path, each) for _, path, each in served(slug) if each["operationId"] == operation)
    parameters = [*SPECS[slug]["paths"][path].get("parameters", ()), *found.get("parameters", ())]
    names = {resolved(slug, each)["name"] for each in parameters}
    if "requestBody" in found:
        for content in resolved(slug, found["requestBody"])["content"].values():
            names |= resolved(slug, content["schema"]).get("properties", {}).keys()
    return names


def test_bodies_match_their_causes() -> None:
    """A 422 on request names a parameter that the operation really has."""
    for slug, operation, status, name in examples():
        if status != 422:
            continue
        value = example_of(slug, operation, status, name)
        declared = names_of(slug, operation)
        # Prime's gateway has a dialect of its own, without places.
        found = value.get("errors") or value.get("detail") or ()
        assert {each["param"] if "param" in each else each["loc"][1] for each in found} <= declared, (slug, name)


# Natural refusals: dialects and headers.


@pytest.mark.parametrize(
    ("slug", "not_found", "not_allowed"),
    [
        (
            "dreadnode",
            {"code": 404, "type": "not_found_error"},
            {"code": 405, "type": "invalid_error"},
        ),
        ("instavm", {"detail": "Not Found"}, {"detail": "Method Not Allowed"}),
        ("prime", {"detail": "Not Found"}, {"detail": "Method Not Allowed"}),
        ("superserve", {"error": "not_found"}, {"error": "method_not_allowed"}),
    ],
)
def test_unknown_routes_and_methods(slug: str, not_found: Row, not_allowed: Row) -> None:
    """404 and 405 speak the provider's dialect, and a 405 says what is allowed."""
    for reply, status, expected in (
        (get(app(), slug, path="/nobody"), 404, not_found),
        (call(app(), f"/{slug}{PATHS[slug]}", method="PATCH", headers=credential(slug)), 405, not_allowed),
    ):
        value = reply.value
        if slug == "superserve":
            value = {"error": value["error"]["code"]}
        assert reply.status == status
        assert reply.media_type == "application/json"
        assert expected.items() <= value.items()
        assert ("allow" in reply.headers) is (status == 405)


@pytest.mark.parametrize(
    ("slug", "scheme"), [("dreadnode", None), ("instavm", "Bearer"), ("prime", "Bearer"), ("superserve", None)]
)
def test_www_authenticate(slug: str, scheme: str | None) -> None:
    """A 401 names the scheme where the spec declares the header, naturally and on request, and no other answer does."""
    for reply in (call(app(), f"/{slug}{PATHS[slug]}"), ask(slug, "listSandboxes", prefer="code=401")):
        assert reply.status == 401
        assert reply.headers.get("www-authenticate") == scheme
    for reply in (get(app(), slug), get(app(), slug, path="/nobody"), ask(slug, "listSandboxes", prefer="code=403")):
        assert "www-authenticate" not in reply.headers


def test_the_fake_speaks_for_itself() -> None:
    """Errors of the fake itself are RFC 9457 with the members that it names, never in a provider's dialect."""
    for reply in (
        ask("prime", "listSandboxes", prefer="nobody"),
        call(app(), "/nobody"),
        call(app(), "/__admin/nobody"),
    ):
        assert reply.media_type == OWN
        assert {"type", "title", "status", "detail"} <= set(reply.value)
        assert reply.value["status"] == reply.status
    assert call(app(), "/nobody").value["providers"] == {slug: f"/{slug}" for slug in SLUGS}


def test_health() -> None:
    """`/__admin/health` answers 200 and tells the versions of the contracts apart."""
    reply = call(app(), "/__admin/health")
    assert reply.status == 200
    assert set(reply.value["specs"]) == set(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_an_unforeseen_exception_is_a_500_in_the_dialect(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the fake itself break, the answer is still a 500 in the provider's words, without a traceback in it."""
    broken = app_of(size=2)

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a secret of the source")

    monkeypatch.setattr(type(broken.world), "advance", fail)
    reply = get(broken, slug)
    assert (reply.status, reply.media_type) == (500, "application/json")
    assert b"secret" not in reply.body
    schema = response_of(slug, "listSandboxes", 500)["content"]["application/json"]["schema"]
    Draft202012Validator(schema_of(slug, schema)).validate(reply.value)


def test_preferences_are_quoted_in_urls() -> None:
    """The query form may be percent-encoded like any other field."""
    assert get(app(), "prime", f"{quote('__code')}=42%39").status == 429
    assert json.loads(get(app(), "prime", "__code=429&__code=500").body)["detail"]
