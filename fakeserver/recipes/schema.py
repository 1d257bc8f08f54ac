"""Documents against their spec's schema: what the admin API takes in, and what a custom recipe makes. Loading the
validator takes longer than starting the server, so it is imported where it is needed."""

from __future__ import annotations

from jsonschema import Draft202012Validator, FormatChecker

from fakeserver.instants import instant
from fakeserver.listing.listing import Listing
from fakeserver.problems import Document, Json
from fakeserver.provider import Provider
from fakeserver.spec.parameters import UUID
from fakeserver.spec.reader import Spec

FORMATS = FormatChecker(formats=())


def _uuid(value: object) -> bool:
    # Filters compare in lower case, as the providers write their ids.
    return not isinstance(value, str) or (UUID.fullmatch(value) is not None and value == value.lower())


def _date_time(value: object) -> bool:
    if isinstance(value, str):
        instant(value)
    return not isinstance(value, str) or "T" in value


FORMATS.checks("uuid")(_uuid)
FORMATS.checks("date-time", raises=(ValueError, OverflowError))(_date_time)


def issues_of(validator: Draft202012Validator, document: Json) -> list[tuple[str, str]]:
    """What is wrong with a document: (field, why). Empty if it is as the spec says."""
    found = []
    for error in validator.iter_errors(document):
        path = ".".join(str(part) for part in error.absolute_path)
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            found += [(f"{path}.{name}".lstrip("."), "is missing") for name in missing]
        else:
            found.append((path or "document", reason(error.validator, error.validator_value)))
    return list(dict.fromkeys(found))


def reason(keyword: object, wanted: Json) -> str:
    """Why a value was refused, without repeating the value."""
    match keyword:
        case "type":
            return f"must be of type {' or '.join(wanted) if isinstance(wanted, list) else wanted}"
        case "enum":
            return f"must be one of {', '.join(map(str, wanted))}"
        case "format":
            return f"must be a {wanted}"
        case "minimum":
            return f"must be at least {wanted}"
        case _:
            return f"breaks {keyword}: {wanted}"[:200]


def validator_of(provider: Provider, contract: Spec) -> Draft202012Validator:
    """What holds one document of the provider against its spec."""
    return Draft202012Validator(item_schema(provider, contract), format_checker=FORMATS)


def item_schema(provider: Provider, contract: Spec) -> Document:
    """The schema of one document: the items of the listing's array, wherever its envelope puts them."""
    listing = next(name for name, each in provider.operations.items() if isinstance(each, Listing))
    schema = contract.resolved(contract.operations[listing].responses[200].schema)
    if schema.get("type") != "array":
        schema = next(each for each in schema["properties"].values() if each.get("type") == "array")
    items: Document = schema["items"]
    return items
