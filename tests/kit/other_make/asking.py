"""What a request asks: its query held against a model, its credential, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from tests.kit.other_make.build import Build

DIGITS = re.compile(r"-?[0-9]+")
Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong with a request: where, in words, and its kind."""

    loc: Loc
    msg: str
    type: str
    input: Any = None


class Refusal(Exception):
    """A request that is not served. The provider's dialect makes an answer of it."""

    def __init__(self, status: int, kind: str, sentence: str, issues: Sequence[Issue] = (), allow: str = "") -> None:
        super().__init__(sentence)
        self.status, self.kind, self.sentence, self.issues, self.allow = status, kind, sentence, tuple(issues), allow


def invalid(loc: Loc, msg: str, type: str = "value_error", input: Any = None) -> Refusal:
    """A request with one thing wrong."""
    return Refusal(422, "validation", msg, [Issue(loc, msg, type, input)])


def whole(text: Any, info: ValidationInfo) -> Any:
    """Pydantic reads ` 5`, `5.0` and `1_000` as whole numbers; a strict build takes digits only."""
    if build_of(info).takes("integers", "digits") and isinstance(text, str) and not DIGITS.fullmatch(text):
        raise PydanticCustomError(
            "int_parsing", "Input should be a valid integer, unable to parse string as an integer"
        )
    return text


def boolean(text: Any, info: ValidationInfo) -> Any:
    """Pydantic reads `yes`, `on` and `1` as well; a strict build takes JSON's two words."""
    if build_of(info).takes("booleans", "words") and text not in ("true", "false"):
        raise PydanticCustomError("bool_parsing", "Input should be 'true' or 'false'")
    return text


def build_of(info: ValidationInfo) -> Build:
    build = info.context
    assert isinstance(build, Build)
    return build


Whole = Annotated[int, BeforeValidator(whole)]
Boolean = Annotated[bool, BeforeValidator(boolean)]


class Query(BaseModel):
    """The parameters of an operation. Lists take a parameter that is repeated; of others one text counts."""

    model_config = ConfigDict(extra="ignore")


Asked = TypeVar("Asked", bound=Query)


def read(model: type[Asked], request: Request, build: Build, lists: frozenset[str] = frozenset()) -> Asked:
    """The query as the model has it, or a Refusal with all that is wrong."""
    values: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        refuse_odd(name, text, build)
        if name not in model.model_fields:
            if build.takes("unknown_parameter", "refused"):
                raise invalid(("query", name), "Extra inputs are not permitted", "extra_forbidden", text)
        elif name in lists:
            values.setdefault(name, []).append(text)
        elif name not in values or build.takes("repeated", "last"):
            values[name] = text
        elif build.takes("repeated", "refused"):
            raise invalid(("query", name), "The parameter was given more than once", "repeated", text)
    try:
        return model.model_validate(values, context=build)
    except ValidationError as error:
        issues = [Issue(("query", *each["loc"]), each["msg"], each["type"], each["input"]) for each in error.errors()]
        raise Refusal(422, "validation", "Invalid request data", issues) from None


def refuse_odd(name: str, text: str, build: Build) -> None:
    """A build whose database holds no NUL refuses it."""
    if "\0" in text and build.takes("nul", "refused"):
        raise invalid(("query", name), "The text holds a NUL character", "string_nul", text)


def bearer(headers: Mapping[str, str], build: Build) -> str | None:
    """The token of `Authorization: Bearer …`, None where there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if build.has("any_scheme") and token:
        return token
    same = scheme == "Bearer" or (scheme.lower() == "bearer" and build.takes("scheme", "any case"))
    return token if same else None


def stamp(micros: int | None, form: str) -> str | None:
    """An instant as text."""
    if micros is None:
        return None
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
    naive = moment.replace(tzinfo=None)
    match form:
        case "offset":
            return moment.isoformat()
        case "seconds":
            return naive.isoformat(timespec="seconds") + "Z"
        case "milliseconds":
            return naive.isoformat(timespec="milliseconds") + "Z"
        case "six digits":
            return naive.isoformat(timespec="microseconds") + "Z"
        case "trimmed":
            text = naive.isoformat(timespec="microseconds").rstrip("0").removesuffix(".")
            return text + "Z"
        case "naive":
            return naive.isoformat()
        case "naive seconds":
            return naive.isoformat(timespec="seconds")
    return naive.isoformat() + "Z"
