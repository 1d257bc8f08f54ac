"""The pages of docs that are made of specs: providers, assumptions, the admin API, and `llms.txt`. `make docs` writes
them; what stands above the mark in a page is written by hand, and stays.

As a hook of the site (`mkdocs.yml`) it leaves the diagrams of states to places that draw them, and puts each page's own
text beside it, where `llms.txt` leads.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MARK = "<!-- Written by `make docs`: everything below this line. -->\n"
SLUGS = ("dreadnode", "instavm", "prime", "superserve")
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
MEDIA_TYPES = ("application/json", "application/problem+json")
SAYING = re.compile(r"(Assumed|Observed): ?")
LONGEST_SENTENCE = 240

Spec = Mapping[str, Any]


def load(path: Path) -> Spec:
    # libyaml is ten times as fast, where PyYAML has it.
    found: Spec = yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return found


def specs() -> dict[str, Spec]:
    return {slug: load(ROOT / "openapi" / f"{slug}.yaml") for slug in SLUGS}


def operations(spec: Spec) -> Iterator[tuple[str, str, Spec]]:
    """Method, path and operation, in the order of the spec."""
    for path, item in spec["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def cell(text: str) -> str:
    """A text in one cell of a table, or in one line."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|").replace("<", "&lt;")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def anchor(title: str) -> str:
    """The name of a heading in an address, as the site and forges make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


# Providers


def sdks_of(slug: str) -> str:
    """What docs/sdks.md, which the tests of the SDKs write, has of a provider."""
    named = re.findall(rf"^## {slug}: `(.+)` (\S+)$", (DOCS / "sdks.md").read_text("utf-8"), re.MULTILINE)
    return ", ".join(f"`{name}` {version}" for name, version in named)


def providers_page() -> str:
    rows, chapters = [], ""
    for slug, spec in specs().items():
        found = list(operations(spec))
        documented = [f"`{method} {path}`" for method, path, each in found if "documented" in each["tags"]]
        title = spec["info"]["title"]
        link = f"[{len(found) - len(documented)} operations](#{anchor(title)})"
        rows.append((title, f"`{slug}`", ", ".join(documented), f"{link}, [explained]({slug}.md)", sdks_of(slug)))
        chapters += f"## {title}\n\nThe API itself is at {', '.join(each['url'] for each in spec['servers'])}.\n\n"
        chapters += table(
            ("operation", "id", "does", "known from"),
            [
                (
                    f"`{method} {path}`",
                    f"`{each['operationId']}`",
                    cell(each.get("summary", "")),
                    "its reference page" if "documented" in each["tags"] else "what is observed",
                )
                for method, path, each in found
            ],
        )
    return table(("provider", "slug", "on its reference page", "beside it", "SDKs that are tested"), rows) + chapters


# Assumptions


def sayings(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Where something is assumed or observed, which of the two, and what."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from sayings(inner, (*place, str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            named = inner.get("name") if isinstance(inner, Mapping) and place[-1:] == ("parameters",) else None
            yield from sayings(inner, (*place, str(number if named is None else named)))
    elif isinstance(value, str) and place[-1:] in (("description",), ("summary",)):
        for paragraph in re.split(r"\n\n|\n(?=- )", value):
            parts = SAYING.split(paragraph)
            yield from ((place[:-1], kind, text) for kind, text in zip(parts[1::2], parts[2::2], strict=True))


def where(place: tuple[str, ...]) -> str:
    """A place in a spec as a reader calls it."""
    words = [each for each in place if each not in ("properties", "schema", "content", "items", *MEDIA_TYPES)]
    if not words:
        return "the answer"
    first, rest = words[0], words[1:]
    if first in ("parameters", "responses") and rest:
        more = f", {'.'.join(rest[1:])}" if rest[1:] else ""
        return f"`{rest[0]}`{more}" if first == "parameters" else f"{rest[0]}{more}"
    return f"`{'.'.join(words)}`"


def assumptions_page() -> str:
    written = ""
    for slug, spec in specs().items():
        title = spec["info"]["title"]
        counted = [kind for place, kind, _ in sayings(spec) if place[:1] != ("info",)]
        written += f"## {title}\n\n`openapi/{slug}.yaml` marks {counted.count('Assumed')} sentences as assumed and "
        written += f"{counted.count('Observed')} as observed.\n\n"
        for method, path, operation in operations(spec):
            rows = [(where(place) if place else "", kind, cell(text)) for place, kind, text in sayings(operation)]
            if rows:
                known = "on its reference page" if "documented" in operation["tags"] else "observed"
                written += f"### {title}: {operation['operationId']}\n\n`{method} {path}`, {known}.\n\n"
                written += table(("where", "sort", "says"), rows)
        rows = [(where(place[1:]), kind, cell(text)) for place, kind, text in sayings(spec.get("components", {}))]
        if rows:
            written += f"### {title}: what operations share\n\n" + table(("where", "sort", "says"), rows)
    return written


# The admin API


def resolve(spec: Spec, value: Any) -> Any:
    """What a reference leads to."""
    while isinstance(value, Mapping) and "$ref" in value:
        found: Any = spec
        for key in value["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        value = {**found, **{key: each for key, each in value.items() if key != "$ref"}}
    return value


def type_of(spec: Spec, schema: Any) -> str:
    """A schema in a few words."""
    schema = resolve(spec, schema)
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(type_of(spec, each) for each in schema[key]))
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kinds = schema.get("type", "any value")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "array" in kinds and "items" in schema:
        return f"list of {type_of(spec, schema['items'])}"
    bounds = [
        f"{word} {schema[key]:,}"
        for key, word in (("minimum", "from"), ("maximum", "to"))
        if key in schema and isinstance(schema[key], int)
    ]
    return " ".join([" or ".join(kinds), *bounds])


def fields_of(spec: Spec, schema: Any) -> list[tuple[str, ...]]:
    """A row for each field of an object, or of each of several that it may be."""
    schema = resolve(spec, schema)
    rows: dict[str, tuple[str, ...]] = {}
    for part in (schema, *schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        part = resolve(spec, part)
        for name, inner in part.get("properties", {}).items():
            needed = " (needed)" if name in part.get("required", ()) else ""
            described = cell(resolve(spec, inner).get("description", ""))
            rows.setdefault(name, (f"`{name}`{needed}", cell(type_of(spec, inner)), described))
    return [*rows.values()]


def operation_text(spec: Spec, method: str, path: str, operation: Spec) -> str:
    """One operation: what it does, what it takes, and what it answers."""
    text = f"### {method} {path}\n\n{operation['summary']}.\n\n"
    if "description" in operation:
        text += operation["description"].strip() + "\n\n"
    given = [*spec["paths"][path].get("parameters", ()), *operation.get("parameters", ())]
    parameters = [resolve(spec, each) for each in given]
    if parameters:
        rows = [
            (f"`{each['name']}`", each["in"], type_of(spec, each.get("schema", {})), cell(each.get("description", "")))
            for each in parameters
        ]
        text += table(("parameter", "in", "is", "says"), rows)
    for media, body in resolve(spec, operation.get("requestBody", {})).get("content", {}).items():
        text += f"Takes `{media}`"
        fields = fields_of(spec, body.get("schema", {}))
        text += ":\n\n" + table(("field", "is", "says"), fields) if fields else ".\n\n"
        for example in body.get("examples", {}).values():
            dumped = json.dumps(example["value"], ensure_ascii=False, default=str)
            if len(dumped) <= LONGEST_SENTENCE:
                text += f"- {example.get('summary', 'For example.').rstrip('.')}: `{dumped}`\n"
        text += "\n"
    answers = []
    for status, given_response in operation["responses"].items():
        response = resolve(spec, given_response)
        media = ", ".join(f"`{each}`" for each in response.get("content", {}))
        answers.append((str(status), cell(response["description"]), media))
    return text + table(("answer", "when", "as"), answers)


def admin_page() -> str:
    spec = load(ROOT / "fakeserver" / "admin" / "openapi.yaml")
    written: str = spec["info"]["description"].strip() + "\n\n"
    tags = {each["name"]: each["description"] for each in spec["tags"]}
    found = {tag: [each for each in operations(spec) if each[2]["tags"] == [tag]] for tag in tags}
    rows = [
        (f"[`{method} {path}`](#{anchor(f'{method} {path}')})", cell(operation["summary"]))
        for method, path, operation in itertools.chain.from_iterable(found.values())
    ]
    written += table(("call", "does"), rows)
    for tag, described in tags.items():
        written += f"## {tag.capitalize()}\n\n{described}\n\n"
        written += "".join(operation_text(spec, *each) for each in found[tag])
    return written


# llms.txt


def pages(nav: Any) -> Iterator[tuple[str, str, str]]:
    """The site's pages: chapter, title and file."""
    for entry in nav:
        ((title, inner),) = entry.items()
        if isinstance(inner, str):
            yield "", title, inner
        else:
            yield from ((title, name, file) for _, name, file in pages(inner))


def sentence_of(text: str) -> str:
    """The first sentence of a page's first paragraph, without its marks."""
    paragraphs = (each for each in text.split("\n\n")[1:] if not re.match(r"[#|!<]|- |```", each))
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", next(paragraphs)).replace("\n", " ").replace("**", "")
    return re.split(r"(?<=[.:?]) (?=[A-Z`(])", plain)[0].rstrip(":").rstrip(".") + "."


def llms_text() -> str:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    text = f"# {site['site_name']}\n\n> {site['site_description']}\n"
    chapter = None
    for name, title, file in pages(site["nav"]):
        if name != chapter:
            chapter = name
            text += f"\n## {name or 'Overview'}\n\n"
        text += f"- [{title}]({file}): {sentence_of((DOCS / file).read_text('utf-8'))}\n"
    return text


WRITTEN = {"providers.md": providers_page, "assumptions.md": assumptions_page, "admin-api.md": admin_page}


def made() -> dict[Path, str]:
    """Every file that is written, and what has to stand in it."""
    found = {}
    for name, make in WRITTEN.items():
        head = (DOCS / name).read_text("utf-8").partition(MARK)[0]
        found[DOCS / name] = head + MARK + "\n" + make().rstrip("\n") + "\n"
    return {**found, DOCS / "llms.txt": llms_text()}


def main() -> None:
    for path, text in made().items():
        path.write_text(text, "utf-8")


# The site


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A page as the site shows it: the tables below the diagrams say the same."""
    return re.sub(r"^```mermaid\n.*?^```\n", "", markdown, flags=re.MULTILINE | re.DOTALL)


def on_post_build(config: Mapping[str, Any], **_: Any) -> None:
    for path in DOCS.glob("*.md"):
        shutil.copy(path, Path(config["site_dir"]) / path.name)


if __name__ == "__main__":
    main()
