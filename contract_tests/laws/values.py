"""Values that the page does not allow are refused, with the documented status, and the refusal names the parameter."""

from __future__ import annotations

from collections.abc import Mapping

from contract_tests.judging.check import Check
from contract_tests.laws.registry import law
from contract_tests.outcome import Pairs
from contract_tests.promises.common import BOTH_NAMED, SERVED
from contract_tests.promises.filter_kinds import AllOf, Closed, Equal, Excluding, Json, Reference, Tags
from contract_tests.promises.form import Promises
from contract_tests.promises.refusals import STATUS
from contract_tests.promises.statements import Statement, weakest
from contract_tests.sending.ask import Ask, Reply

ZERO, HUGE = "0", "99999999999999999999"
WORDS = {"word": "abc", "fraction": "1.5", "empty": ""}
"""By probe: texts that are not a whole number."""
SHORT_UUID = "7d0cbb2e-5a57-4a5c-9d5e-0f3a6a1f"
UNREADABLE = {
    "no json": "env=prod", "cut off": '{"env":"prod"', "empty": "", "list": "[]", "text": '"env"',
    "number": "1", "null": "null", "nan": '{"env":NaN}', "single quotes": "{'env': 'prod'}",
    "trailing": '{"env":"prod"}x', "list of objects": '[{"env":"prod"}]',
}  # fmt: skip
"""By probe: texts that are not a JSON object."""


def of_refusals(promises: Promises) -> list[Statement]:
    """That the values of filters are refused which are none."""
    return [filter.refusal for filter in promises.listing.filters]


def expect_refusal(
    check: Check, probe: str, query: Pairs, parameters: tuple[str, ...], *, path: str = "", several: bool = False
) -> None:
    """Send a bad value: a 4xx, the documented one, that names every parameter at fault. Of `several` bad values at once
    one may be named alone."""
    with check.probing(probe) as wanted:
        if wanted:
            _send_bad_value(check, Ask(path or check.path(), query), parameters, several=several)


def _send_bad_value(check: Check, ask: Ask, parameters: tuple[str, ...], *, several: bool) -> None:
    reply = check.send(ask)
    what = "&".join(f"{name}={text}" for name, text in ask.query)[:120]
    check.witness(f"refused: {what}")
    refusals, documented = check.promises.refusals, check.listing.statuses
    if 200 <= reply.status < 300:
        check.fail(f"{what} was not refused", ask, by=check.listing.refusal_of(ask.query))
    elif reply.status >= 500:
        return  # The law about 5xx has it.
    elif reply.status != refusals.value:
        binding = refusals.value in documented and reply.status not in documented
        # A page that does not say that it refuses a value does not say with which status either.
        said = [refusals.status, check.listing.refusal_of(ask.query), *([] if binding else [STATUS])]
        by = weakest(said, refusals.status)
        check.fail(f"{what} was answered with {reply.status}, not {refusals.value}", ask, by=by)
    else:
        _check_names(check, ask, reply, what, parameters, BOTH_NAMED if several else refusals.named)


def _check_names(
    check: Check, ask: Ask, reply: Reply, what: str, parameters: tuple[str, ...], named: Statement
) -> None:
    """Whether a refusal tells which parameters were wrong, and that a value was; a pair by its key alone."""
    refusals, body = check.promises.refusals, check.json(reply)
    refusal = refusals.read(body)
    said = refusal.said if refusal is not None else ""
    missing = [name for name in parameters if not any(text in said for text in check.listing.names_of(name))]
    if missing and (refusals.all_named or len(missing) == len(parameters)):
        check.fail(f"the refusal of {what} does not name {', '.join(missing)}", ask, by=named)
    elif refusals.located and not any(part.startswith("query/") for part in said.split()):
        check.fail(f"the refusal of {what} does not say that it stands in the query", ask, by=named)
    wrong = refusals.wrong_kind(reply.status, body)
    if wrong:
        check.fail(f"the refusal of {what} {wrong}", ask, by=refusals.kinded)


@law("values.bounds", about=lambda promises: [promises.listing.paging.bounds])
def bounds(check: Check) -> None:
    """A page size or number outside its documented range, or that is not a whole number, is refused."""
    paging = check.listing.paging
    name = paging.size
    expect_refusal(check, "zero", ((name, ZERO),), (name,))
    if paging.refuses_more:
        expect_refusal(check, "one too many", ((name, str(paging.most + 1)),), (name,))
    expect_refusal(check, "negative", ((name, "-1"),), (name,))
    for probe, text in {**WORDS, "huge": HUGE, "exponent": "1e1"}.items():
        if text or not paging.empty_is_absent:
            expect_refusal(check, probe, ((name, text),), (name,))
    if paging.number:
        for probe, text in {"zero": ZERO, "negative": "-1", **WORDS}.items():
            expect_refusal(check, f"page {probe}", ((paging.number, text),), (paging.number,))
        both = ((paging.number, ZERO), (name, str(paging.most + 1)))
        expect_refusal(check, "page and size", both, (paging.number, name), several=True)
    if paging.offset:
        for probe, text in (("negative", "-1"), ("word", "abc")):
            expect_refusal(check, f"offset {probe}", ((paging.offset, text),), (paging.offset,))


def has_closed_set(promises: Promises) -> object:
    return promises.listing.first(Closed)


@law("values.closed", about=of_refusals, needs=has_closed_set)
def closed(check: Check) -> None:
    """A value outside a closed set is refused, also in another case, and beside a good one."""
    listing, facets = check.listing, check.promises.facets
    values, switch, reference = listing.first(Closed), listing.first(Excluding), listing.first(Reference)
    paths = {"": check.path()}
    if facets is not None:
        paths["facets, "] = check.promises.facets_path(check.home)
    for prefix, path in paths.items():
        if values is not None:
            _refuse_outside(check, values, prefix, path)
        if reference is not None:
            name = reference.parameter
            for probe, text in {"no uuid": "no-uuid", "short uuid": SHORT_UUID, "empty uuid": ""}.items():
                expect_refusal(check, prefix + probe, ((name, text),), (name,), path=path)
    if switch is not None:
        name = switch.parameter
        for probe, text in {"no boolean": "maybe", "number two": "2", "empty boolean": ""}.items():
            expect_refusal(check, probe, ((name, text),), (name,))
    _refuse_both(check, values, reference, paths)


def value_outside(values: Closed) -> str:
    """A text like those of the set, which is not in it."""
    return "UNKNOWN" if values.values[0].isupper() else "unknown"


def _refuse_outside(check: Check, values: Closed, prefix: str, path: str) -> None:
    """Texts that are similar to a value of the set, or beside one."""
    name, good, unknown = values.parameter, values.values[0], value_outside(values)
    recased = {"lower case": good.lower()} if good.isupper() else {"upper case": good.upper()}
    texts = {"unknown": unknown, **recased}
    if values.commas:
        texts["good and bad"] = f"{good},{unknown}"
    else:
        texts |= {"padded": f"{good} ", "two": ",".join(values.values[:2]), "empty": ""}
    queries: dict[str, Pairs] = {probe: ((name, text),) for probe, text in texts.items()}
    if values.repeats:
        queries["bad repeated"] = ((name, unknown), (name, good))
    for probe, query in queries.items():
        expect_refusal(check, prefix + probe, query, (name,), path=path)


def _refuse_both(check: Check, values: Closed | None, reference: Reference | None, paths: Mapping[str, str]) -> None:
    """Two bad values are both named in one refusal."""
    size = check.listing.paging.size
    if reference is not None:
        name = reference.parameter
        expect_refusal(check, "two at once", ((size, ZERO), (name, "x")), (size, name), several=True)
        for prefix, path in paths.items():
            if prefix and values is not None:
                both: Pairs = ((values.parameter, "x"), (name, "x"))
                expect_refusal(check, f"{prefix}two at once", both, (values.parameter, name), several=True, path=path)
    elif values is not None:
        both = ((values.parameter, value_outside(values)), (size, ZERO))
        expect_refusal(check, f"{values.noun} and size", both, (values.parameter, size), several=True)


def has_metadata(promises: Promises) -> object:
    return promises.listing.first(Json) or promises.listing.first(Tags)


@law("values.metadata", about=of_refusals, needs=has_metadata)
def metadata(check: Check) -> None:
    """A metadata filter that cannot be read is refused, never ignored."""
    json_filter, tags, size = check.listing.first(Json), check.listing.first(Tags), check.listing.paging.size
    if json_filter is not None:
        name = json_filter.parameter
        for probe, text in UNREADABLE.items():
            expect_refusal(check, probe, ((name, text),), (name,))
        # An empty value is lost by whoever reads encoded queries otherwise than plain ones.
        expect_refusal(check, "two at once", ((size, ""), (name, "{")), (name, size), several=True)
    if tags is not None:
        for probe, bad in tags.unreadable().items():
            expect_refusal(check, probe, bad.query, bad.names)


ZERO_BYTE = "a\x00b"
ODD_TEXTS = {
    "quote": 'it\'s "quoted"; -- \\',
    "emoji": "\U0001f680 größe 日本",
    "long": "x" * 3000,
    "zero byte": ZERO_BYTE,
    "braces": "{0} ${x} %s %(x)s",
    "bad utf-8": "\udcff\udcfe",
    "right to left": "\u202e\u0301\ufeff",
}

MANY_LEVELS, LEVELS = 1_200, 600
"""More than Python's parser goes down, left open so that the query stays short enough to be let through; and as many as
have an end in it, for code that goes down once the text is read."""
ODD_JSON = {
    "deep nesting": "[" * MANY_LEVELS,
    "nested lists": '{"x":' + "[" * LEVELS + "]" * LEVELS + "}",
    "half a pair": '{"x":"\\ud800"}',
    "large number": '{"x":1' + "0" * 30 + "}",
}
"""By probe: JSON text that parsers, encoders and drivers fail at, each in its own place, so each is asked alone."""
ODD_UUIDS = {
    "without hyphens": "7d0cbb2e5a574a5c9d5e0f3a6a1f0d4c",
    "in braces": "{7d0cbb2e-5a57-4a5c-9d5e-0f3a6a1f0d4c}",
}
"""By spelling: one that nobody has; no page says whether it is refused or means a UUID."""
ODD_NAME = "日本'\x00"


@law("values.odd", about=SERVED)
def odd(check: Check) -> None:
    """Odd but writable values never make the server fail: quotes, zero bytes, emoji, broken UTF-8, long text, deep
    nesting, numbers that no machine word holds, UUIDs in spellings that some readers take and others do not."""
    name = check.listing.odd_parameter
    in_json = isinstance(check.listing.filter_of(name), Json)
    for probe, text in ODD_TEXTS.items():
        if in_json:
            text = '{"x": "' + text.replace("\\", "").replace('"', "").replace("\x00", "\\u0000") + '"}'
        with check.probing(probe) as wanted:
            if wanted:
                _send_odd_text(check, name, text)
                check.witness(f"{probe} in {name}")
    for probe, query in {**odd_queries(check), **zero_bytes(check)}.items():
        with check.probing(probe) as wanted:
            if wanted:
                check.send(Ask(check.path(), query))
                check.witness(probe)
    if check.promises.scopes.in_path:
        with check.probing(f"zero byte in the {check.promises.scopes.noun}") as wanted:
            if wanted:
                # Whatever stands in front of the API may refuse such a path in its own words; it must not fail.
                check.transport.send(Ask(check.path("a%00b")))


def odd_queries(check: Check) -> dict[str, Pairs]:
    """By probe: what the code behind one kind of parameter fails at, where it was not thought of."""
    paging, queries = check.listing.paging, dict[str, Pairs]()
    for filter in check.listing.filters:
        if isinstance(filter, Json):
            queries |= {probe: ((filter.parameter, text),) for probe, text in ODD_JSON.items()}
        elif isinstance(filter, Reference):
            for spelling, text in ODD_UUIDS.items():
                queries[f"{filter.noun} {spelling}"] = ((filter.parameter, text),)
        elif isinstance(filter, Equal):
            queries[f"odd {filter.noun}"] = ((filter.parameter, ODD_NAME),)
    for noun, name in (("page", paging.number), ("offset", paging.offset)):
        if name:
            queries[f"huge {noun}"] = ((name, HUGE),)
    return queries


def zero_bytes(check: Check) -> dict[str, Pairs]:
    """By probe: zero bytes where a filter takes other text than the odd parameter's."""
    queries: dict[str, Pairs] = {}
    for filter in check.listing.filters:
        name, noun = filter.parameter, filter.noun
        if isinstance(filter, Json):
            queries["zero byte in a key"] = filter.write({ZERO_BYTE: "x"})
        elif isinstance(filter, Tags):
            queries["zero byte in a key"] = filter.write((ZERO_BYTE, "x"))
        elif isinstance(filter, AllOf | Reference) and name != check.listing.odd_parameter:
            queries[f"zero byte in a {noun}"] = ((name, ZERO_BYTE),)
    return queries


def _send_odd_text(check: Check, name: str, text: str) -> None:
    reply = check.send(Ask(check.path(), ((name, text),)))
    if reply.status == 200:
        check.accept(check.question((), sent=((name, text),)).anywhere(), reply)


@law(
    "values.routes", about=lambda promises: [promises.refusals.routes], needs=lambda promises: promises.refusals.routes
)
def routes(check: Check) -> None:
    """A path beside the documented one is a 404 in the provider's own words."""
    with check.probing("unknown path") as wanted:
        if not wanted:
            return
        ask = Ask(check.path() + "-no-such-path")
        reply = check.send(ask)
        check.witness("an unknown path")
        if reply.status != 404:
            check.fail(f"an unknown path was answered with {reply.status}", ask, by=check.promises.refusals.routes)
