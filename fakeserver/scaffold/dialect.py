"""A vendor's way to say no: a body for any problem, and the examples of the errors that its description documents."""

from __future__ import annotations

from collections.abc import Mapping

from fakeserver.problems import Document, Json, Problem
from fakeserver.scaffold.code import Code, Members, literal, write
from fakeserver.scaffold.guesses import plain
from fakeserver.scaffold.scalars import Unmakeable
from fakeserver.scaffold.survey import name_of_example, phrase
from fakeserver.scaffold.values import Values
from fakeserver.spec.reader import JSON

DETAILS = "message detail errormessage errordescription description msg reason title error".split()
STATUSES = "status code statuscode httpstatus httpcode errorcode".split()
KINDS = "code type kind errorcode error name id".split()
MAX_DETAIL = 120
MAX_DEPTH = 3
FALLBACK = Members({"message": "problem.detail"})


class Dialect:
    """Writes bodies of errors."""

    def __init__(self, document: Document) -> None:
        self._values = Values(document)

    def body(self, schema: Json) -> Code:
        """An expression over `problem` for a body of this schema."""
        try:
            code = self._body(schema)
            if isinstance(code, Members) and self._values.valid(schema, literal(evaluate(code, TRIED))):
                return code
            return literal(self._values.sample(schema))
        except Unmakeable:
            return FALLBACK

    def _body(self, schema: Json, depth: int = 0) -> Code:
        flat = self._values.flat(schema)
        required: list[str] = flat.get("required", [])
        found: dict[str, Code] = {}
        members: Mapping[str, Json] = flat.get("properties", {})
        if depth > MAX_DEPTH or not members:
            return literal(self._values.sample(schema))
        said = False
        for name in sorted(members, key=lambda name: _rank(name)):
            inner = self._values.flat(members[name])
            kind, word = _type(inner), plain(name)
            if kind == "string" and word in DETAILS and not said and inner.keys().isdisjoint(("enum", "pattern")):
                found[name], said = "problem.detail", True
            elif kind == "integer" and word in STATUSES:
                found[name] = "status"
            elif kind == "string" and word in KINDS and inner.keys().isdisjoint(("enum", "pattern", "format")):
                found[name] = "problem.kind"
            elif kind == "object" and (name in required or word == "error"):
                found[name] = self._body(members[name], depth + 1)
            elif name in required:
                found[name] = literal(self._values.sample(members[name]))
        for name in required:
            if name not in found:
                found[name] = literal(self._values.sample(members.get(name, True)))
        return Members({name: found[name] for name in [*members, *required] if name in found}) if found else FALLBACK

    def give_examples(self, status: str, response: Document) -> str:
        """Give a documented error a named example to answer with, where it has none; what was assumed thereby."""
        content = response.setdefault("content", {})
        note = ""
        if not content:
            content[JSON] = {"schema": {}}
            note = f"the response {status} has a body"
        if JSON not in content:
            return note
        media_type = content[JSON]
        named = media_type.get("examples")
        examples: Document = {}
        for name, example in named.items() if isinstance(named, dict) else ():
            if isinstance(example, dict) and "value" in example:
                examples.setdefault(name_of_example(name), {"value": example["value"]})
        if not examples and "example" in media_type:
            examples["example"] = {"value": media_type["example"]}
        if not examples:
            problem = Problem(
                int(status),
                phrase(int(status)).lower().replace(" ", "_"),
                response["description"].splitlines()[0][:MAX_DETAIL],
            )
            schema = media_type.get("schema", {})
            body = evaluate(self.body(schema), problem) if schema else evaluate(FALLBACK, problem)
            examples["generated"] = {"value": body}
        media_type.pop("example", None)
        media_type["examples"] = examples
        return note


TRIED = Problem(400, "invalid", "a sentence")


def evaluate(code: Code, problem: Problem) -> Json:
    """What an expression over a problem is."""
    return eval(write(code), {"__builtins__": {}, "problem": problem, "status": problem.status})


def _type(flat: Document) -> str:
    kinds = flat.get("type", "object" if "properties" in flat else "")
    named = [kinds] if isinstance(kinds, str) else [each for each in kinds if each != "null"]
    return named[0] if named else ""


def _rank(name: str) -> int:
    """Of several members that could be the sentence, the first of these names is."""
    word = plain(name)
    return DETAILS.index(word) if word in DETAILS else len(DETAILS)
