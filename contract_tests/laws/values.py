"""Values that the page does not allow are refused, with the documented status, and the refusal names the parameter."""

from __future__ import annotations

from typing import Any

from contract_tests.judging.check import Check
from contract_tests.laws.filters import STATES
from contract_tests.laws.registry import law
from contract_tests.outcome import Tier
from contract_tests.promises.form import Pairs
from contract_tests.sending.ask import Ask

REFUSAL = {"dreadnode": 422, "instavm": 422, "prime": 422, "superserve": 400}
ZERO, HUGE = "0", "99999999999999999999"


def named(slug: str, body: Any) -> str:
    """Everything a refusal says about the parameters that are wrong."""
    if not isinstance(body, dict):
        return ""
    if slug == "superserve":
        error = body.get("error")
        return str(error.get("message", "")) if isinstance(error, dict) else ""
    if slug == "prime" and isinstance(body.get("errors"), list):
        return " ".join(str(each.get("param")) for each in body["errors"] if isinstance(each, dict))
    issues = body.get("errors" if slug == "dreadnode" else "detail")
    if not isinstance(issues, list):
        return ""
    return " ".join("/".join(map(str, each.get("loc") or ())) for each in issues if isinstance(each, dict))


def bad(
    check: Check,
    probe: str,
    query: Pairs,
    parameters: tuple[str, ...],
    *,
    tier: Tier = Tier.MUST,
    path: str = "",
    raw: str = "",
) -> None:
    """Send a bad value: a 4xx, the documented one, that names every parameter at fault."""
    if not check.wants(probe):
        return
    check.probe(probe)
    ask = Ask(path or check.path(), query, raw=raw)
    reply = check.send(ask)
    what = f"{'&'.join(f'{name}={text}' for name, text in query)}{raw}"[:120]
    check.witness(f"refused: {what}")
    status = REFUSAL[check.slug]
    if 200 <= reply.status < 300:
        check.fail(f"{what} was not refused", ask, tier=tier)
    elif reply.status >= 500:
        return  # The law about 5xx has it.
    elif reply.status != status:
        documented = check.slug in ("dreadnode", "instavm")
        check.fail(
            f"{what} was answered with {reply.status}, not {status}", ask, tier=tier if documented else Tier.SHOULD
        )
    else:
        body = check.json(reply)
        said = named(check.slug, body)
        missing = [name for name in parameters if name not in said]
        if missing:
            check.fail(f"the refusal of {what} does not name {', '.join(missing)}", ask, tier=Tier.SHOULD)
        elif check.slug in ("dreadnode", "instavm") and not any(part.startswith("query/") for part in said.split()):
            check.fail(f"the refusal of {what} does not say that it stands in the query", ask, tier=Tier.SHOULD)
        if check.slug == "dreadnode" and isinstance(body, dict) and body.get("type") != "validation_error":
            check.fail(f"the refusal of {what} is of type {body.get('type')}", ask, tier=Tier.SHOULD)
        if check.slug == "superserve" and isinstance(body, dict):
            error = body.get("error")
            if isinstance(error, dict) and error.get("code") != "bad_request":
                check.fail(f"the refusal of {what} has the code {error.get('code')}", ask, tier=Tier.SHOULD)


@law("values.bounds", providers={"dreadnode", "instavm", "prime", "superserve"})
def bounds(check: Check) -> None:
    """A page size or number outside its documented range, or that is no whole number, is refused."""
    paging = check.listing.paging
    name, tier = paging.size, paging.tier
    bad(check, "zero", ((name, ZERO),), (name,), tier=tier)
    if paging.refuses_more and paging.most:
        bad(check, "one too many", ((name, str(paging.most + 1)),), (name,), tier=tier)
    bad(check, "negative", ((name, "-1"),), (name,), tier=tier)
    for probe, text in (("word", "abc"), ("fraction", "1.5"), ("empty", ""), ("huge", HUGE), ("exponent", "1e1")):
        bad(check, probe, ((name, text),), (name,), tier=tier)
    if check.slug == "prime":
        for probe, text in (
            ("page zero", ZERO),
            ("page negative", "-1"),
            ("page word", "abc"),
            ("page fraction", "1.5"),
            ("page empty", ""),
        ):
            bad(check, probe, (("page", text),), ("page",))
        bad(check, "page and size", (("page", ZERO), ("per_page", "1001")), ("page", "per_page"), tier=Tier.SHOULD)
    if check.slug == "superserve":
        bad(check, "offset negative", (("offset", "-1"),), ("offset",), tier=Tier.SHOULD)
        bad(check, "offset word", (("offset", "abc"),), ("offset",), tier=Tier.SHOULD)


@law("values.closed", providers={"dreadnode", "prime", "superserve"})
def closed(check: Check) -> None:
    """A value outside a closed set is refused, also in another case, and beside a good one."""
    if check.slug == "prime":
        for probe, text in (
            ("unknown", "UNKNOWN"),
            ("lower case", "running"),
            ("padded", "RUNNING "),
            ("two", "RUNNING,PAUSED"),
            ("empty", ""),
        ):
            bad(check, probe, (("status", text),), ("status",))
        for probe, text in (("no boolean", "maybe"), ("number two", "2"), ("empty boolean", "")):
            bad(check, probe, (("is_active", text),), ("is_active",))
        bad(
            check,
            "status and size",
            (("status", "UNKNOWN"), ("per_page", ZERO)),
            ("status", "per_page"),
            tier=Tier.SHOULD,
        )
    elif check.slug == "dreadnode":
        paths = {"": check.path(), "facets, ": check.listing.facets.replace("{org}", check.home)}
        for prefix, path in paths.items():
            bad(check, f"{prefix}unknown state", (("state", "unknown"),), ("state",), tier=Tier.SHOULD, path=path)
            bad(
                check,
                f"{prefix}good and bad",
                (("state", "running,unknown"),),
                ("state",),
                tier=Tier.SHOULD,
                path=path,
            )
            bad(
                check,
                f"{prefix}bad repeated",
                (("state", "unknown"), ("state", "running")),
                ("state",),
                tier=Tier.SHOULD,
                path=path,
            )
            bad(check, f"{prefix}upper case", (("state", STATES[0].upper()),), ("state",), tier=Tier.SHOULD, path=path)
            bad(check, f"{prefix}no uuid", (("project_id", "no-uuid"),), ("project_id",), path=path)
            bad(
                check,
                f"{prefix}short uuid",
                (("project_id", "7d0cbb2e-5a57-4a5c-9d5e-0f3a6a1f"),),
                ("project_id",),
                path=path,
            )
            bad(check, f"{prefix}empty uuid", (("project_id", ""),), ("project_id",), path=path)
        bad(check, "two at once", (("limit", ZERO), ("project_id", "x")), ("limit", "project_id"), tier=Tier.SHOULD)
        bad(
            check,
            "facets, two at once",
            (("state", "x"), ("project_id", "x")),
            ("state", "project_id"),
            tier=Tier.SHOULD,
            path=paths["facets, "],
        )
    else:
        for probe, text in (
            ("unknown", "unknown"),
            ("upper case", "ACTIVE"),
            ("good and bad", "active,unknown"),
        ):
            bad(check, probe, (("status", text),), ("status",), tier=Tier.SHOULD)


@law("values.metadata", tier=Tier.SHOULD, providers={"instavm", "superserve"})
def metadata(check: Check) -> None:
    """A metadata filter that cannot be read is refused (Assumed, Observed), never ignored."""
    if check.slug == "instavm":
        for probe, text in (
            ("no json", "env=prod"), ("cut off", '{"env":"prod"'), ("empty", ""), ("list", "[]"), ("text", '"env"'),
            ("number", "1"), ("null", "null"), ("nan", '{"env":NaN}'), ("single quotes", "{'env': 'prod'}"),
            ("trailing", '{"env":"prod"}x'), ("list of objects", '[{"env":"prod"}]'),
        ):  # fmt: skip
            bad(check, probe, (("metadata", text),), ("metadata",), tier=Tier.SHOULD)
        bad(check, "two at once", (("metadata", "x"), ("limit", ZERO)), ("metadata", "limit"), tier=Tier.SHOULD)
    else:
        bad(check, "empty key", (("metadata.", "prod"),), ("metadata.",), tier=Tier.SHOULD)
        bad(
            check, "key twice", (("metadata.env", "prod"), ("metadata.env", "dev")), ("metadata.env",), tier=Tier.SHOULD
        )
        bad(
            check,
            "same pair twice",
            (("metadata.env", "prod"), ("metadata.env", "prod")),
            ("metadata.env",),
            tier=Tier.SHOULD,
        )
        bad(check, "long key", ((f"metadata.{'k' * 257}", "x"),), (), tier=Tier.SHOULD)
        bad(check, "long value", (("metadata.env", "v" * 2049),), ("metadata.env",), tier=Tier.SHOULD)
        much = tuple((f"metadata.k{number}", "v" * 2048) for number in range(8))
        bad(check, "much in all", much, (), tier=Tier.SHOULD)


@law("values.odd")
def odd(check: Check) -> None:
    """Odd but writable values never make the server fail: quotes, zero bytes, emoji, broken UTF-8, long text."""
    name = {"prime": "labels", "dreadnode": "cursor", "instavm": "metadata", "superserve": "metadata.x"}[check.slug]
    texts = {
        "quote": 'it\'s "quoted"; -- \\',
        "emoji": "\U0001f680 größe 日本",
        "long": "x" * 3000,
        "zero byte": "a\x00b",
        "braces": "{0} ${x} %s %(x)s",
        "bad utf-8": "\udcff\udcfe",
        "right to left": "\u202e\u0301\ufeff",
    }
    for probe, text in texts.items():
        if not check.wants(probe):
            continue
        check.probe(probe)
        if check.slug == "instavm":
            text = '{"x": "' + text.replace("\\", "").replace('"', "").replace("\x00", "\\u0000") + '"}'
        ask = Ask(check.path(), ((name, text),))
        reply = check.send(ask)
        check.witness(f"{probe} in {name}")
        if reply.status == 200:
            check.accept(check.question((), sent=((name, text),), whole=True), reply)
    if check.slug == "prime":
        for probe, query in (("odd team", (("team_id", "'\x00"),)), ("odd user", (("user_id", "日本'"),))):
            if check.wants(probe):
                check.probe(probe)
                check.send(Ask(check.path(), query))


@law("values.routes", tier=Tier.SHOULD)
def routes(check: Check) -> None:
    """A path beside the documented one is a 404 in the provider's own words (Assumed)."""
    if not check.wants("unknown path"):
        return
    check.probe("unknown path")
    ask = Ask(check.path() + "-no-such-path")
    reply = check.send(ask)
    check.witness("an unknown path")
    if reply.status != 404:
        check.fail(f"an unknown path was answered with {reply.status}", ask, tier=Tier.SHOULD)
