"""What is at which path: the console, the reference of each API, its specification, and the files they are made of.

Everything but the specifications is guarded like the admin API, which the pages call; no other page may frame them, or
take anything of theirs in.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping

import orjson

from fakeserver.console import files
from fakeserver.console.files import File
from fakeserver.pipeline.exchange import JSON, SEALED, Answer, own_refusal
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, FakeProblem, Moved, Problem

HOME = "/"
DOCS = "/docs"
FILES = "/__console/"
YAML = "application/yaml"
SPECIFICATIONS = {"/openapi.json": JSON, "/openapi.yaml": YAML}
READ = ("GET", "HEAD")
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
PARTS, FOUND = (".js", ".css"), (200, 304)
SEALED_PART = {name: SEALED[name] for name in ("X-Content-Type-Options", "Cross-Origin-Resource-Policy")}
"""Of what only pages take in: the others are for what a browser shows by itself, and a page has a dozen such files."""
OWN = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
NOWHERE = "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
POLICY = f"{OWN}require-trusted-types-for 'script'; {NOWHERE}"
"""Of the console: nothing comes from anywhere else, and no text ever becomes HTML."""
DOCS_POLICY = f"{OWN}{NOWHERE}"
"""Of the viewer, which makes HTML of the Markdown in specifications, and cleans it first."""
MAX_PREFIXES = 64
"""Places (namespaces) for which a specification is kept at hand; for any other it is written again."""

Admit = Callable[[Mapping[str, str], str | None], None]
"""Refuses, as a FakeProblem, who may not see the console: by the headers of a request and the client's address."""


class Console:
    """The pages of a server. `paths` are those that they have in every world, beside their files; a path that a
    provider has an operation at stays the provider's."""

    def __init__(self, services: Mapping[str, Service], root: Service | None, admit: Admit) -> None:
        self.admit = admit
        homes = [] if root is not None and has_path(root, HOME) else [HOME]
        self.docs = {f"/{slug}{DOCS}" for slug, service in services.items() if not has_path(service, DOCS)}
        self.specifications = {
            f"/{slug}{name}": (service, media_type)
            for slug, service in services.items()
            for name, media_type in SPECIFICATIONS.items()
            if not has_path(service, name)
        }
        self.paths = frozenset([*homes, *self.docs, *self.specifications])
        self.specification = functools.lru_cache(MAX_PREFIXES)(self._specification)

    def answer(self, method: str, path: str, prefix: str, headers: Mapping[str, str], address: str | None) -> Answer:
        """What is at a path of a world, the paths of which begin with `prefix`."""
        try:
            if method not in READ:
                raise FakeProblem(405, f"{path[:64]} is a page of the console: it is read with GET")
            if path in self.specifications:
                return send(self.specification(path, prefix), headers, ASK_AGAIN)
            self.admit(headers, address)
            answer = self.page(path, headers)
        except FakeProblem as problem:
            answer = own_refusal(problem)
            if problem.status == 405:
                answer.headers["Allow"] = ", ".join(READ)
        is_part = answer.status in FOUND and path.endswith(PARTS)
        answer.headers = {**(SEALED_PART if is_part else SEALED), **answer.headers}
        return answer

    def page(self, path: str, headers: Mapping[str, str]) -> Answer:
        """A page, or a file of one; a FakeProblem where there is none."""
        if path in self.paths:
            docs = path in self.docs
            answer = send(files.load("docs.html" if docs else "index.html"), headers, ASK_AGAIN)
            answer.headers["Content-Security-Policy"] = DOCS_POLICY if docs else POLICY
            return answer
        version, _, name = path.removeprefix(FILES).partition("/")
        if name not in files.names():
            raise FakeProblem(404, "The console has no such file")
        if version != files.version():
            raise FakeProblem(404, "This file is of another version of the console: load the page anew")
        return send(files.load(name), headers, FOR_EVER)

    def _specification(self, path: str, prefix: str) -> File:
        service, media_type = self.specifications[path]
        document = pointed_here(service.spec.document, f"{prefix}/{service.provider.slug}")
        if media_type == JSON:
            return files.packed(orjson.dumps(document), JSON)
        return files.packed(yaml_of(document), YAML)


def has_path(service: Service, path: str) -> bool:
    """Whether a provider has an operation at a path of its own."""
    try:
        service.match("GET", path)
    except (Moved, Problem) as error:
        return isinstance(error, Problem) and error.status != 404
    except FakeProblem:
        return True
    return True


def pointed_here(document: Document, base_path: str) -> Document:
    """A specification whose one server is this fake: viewers and generated clients ask it, and never the provider."""
    return {**document, "servers": [{"url": base_path, "description": "This fake"}]}


def yaml_of(document: Document) -> bytes:
    """A value as YAML, in the order that it has."""
    from fakeserver.spec.yaml_text import write_yaml  # Most starts of a server do without YAML.

    return write_yaml(json.loads(orjson.dumps(document))).encode()


def send(file: File, headers: Mapping[str, str], caching: str) -> Answer:
    """A file as an answer: compressed for who takes that, and nothing for who has it already."""
    zipped = "gzip" in headers.get("accept-encoding", "")
    tag = f'"{file.tag}{"-gzip" if zipped else ""}"'
    sent = {"Cache-Control": caching, "ETag": tag, "Vary": "Accept-Encoding"}
    if tag in headers.get("if-none-match", ""):
        return Answer(304, b"", sent, media_type="")
    if zipped:
        return Answer(200, file.zipped, {**sent, "Content-Encoding": "gzip"}, file.media_type)
    return Answer(200, file.body, sent, file.media_type)
