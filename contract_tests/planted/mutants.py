"""Broken servers that a machine thought of: one small change each in the fake's own modules.

A changed module is compiled into a namespace of its own, together with those that build on it, so that nothing else
notices. Changes that no probe can tell from the correct server are left out, and counted.
"""

from __future__ import annotations

import builtins
import functools
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import fakeserver
from contract_tests.planted.backend import FACETS, LIST, Backend, Decoders, decoders_of, load, unfiled
from contract_tests.planted.bug import Bug
from contract_tests.planted.mutations import Mutation, mutations
from contract_tests.planted.probes import session
from contract_tests.planted.replay import Replay
from contract_tests.planted.unstated import unstated_grounds
from contract_tests.promises import BY_SLUG
from fakeserver.provider import Provider
from fakeserver.spec import parameters

PACKAGE = Path(fakeserver.__file__).parent
SLUGS = ("prime", "dreadnode", "instavm", "superserve")
"""In this order they are tried: a mutant is a bug of the first in which it shows."""
BUILT_ON: Mapping[str, tuple[str, ...]] = {
    "documents.keys": ("listing.containment", "listing.filters", "listing.facets"),
    "listing.containment": ("listing.filters", "listing.facets"),
    "listing.filters": ("listing.facets",),
    "listing.cursors": ("listing.pages",),
    "listing.envelopes": ("listing.pages",),
    "listing.orders": ("listing.pages",),
    "listing.pages": (),
    "listing.facets": (),
    "spec.numbers": ("spec.values", "spec.json_text", "spec.parameters"),
    "spec.values": ("spec.json_text", "spec.parameters"),
    "spec.json_text": ("spec.parameters",),
    "spec.parameters": (),
}
"""The mutated modules, and those whose values are made from theirs; the providers are made from all of them, by way of
`fakeserver.provider`."""
FAMILY = {
    "documents.keys": "filters",
    "listing.containment": "filters",
    "listing.filters": "filters",
    "listing.cursors": "cursors",
    "listing.envelopes": "pages",
    "listing.orders": "pages",
    "listing.pages": "pages",
    "listing.facets": "facets",
    "spec.numbers": "values",
    "spec.values": "values",
    "spec.json_text": "values",
    "spec.parameters": "values",
}
RULES = {
    "providers.dreadnode": ("project_of", "errors"),
    "providers.dreadnode.orgs": ("member_of_org",),
    "providers.instavm": ("own_account", "errors"),
    "providers.prime": ("own_or_administered", "errors"),
    "providers.prime.access": ("account_of",),
    "providers.superserve": ("own_team",),
    "providers.superserve.limits": ("metadata_limits", "mistakes_in_metadata"),
    "providers.superserve.refusals": ("errors",),
}
"""The functions of the providers' modules that decide about requests; the others make documents."""
MOST_SECONDS = 5.0
AGAIN_SECONDS = 1.0


class Stuck(BaseException):
    """A mutant that does not come to an end; no `except Exception` may catch it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a changed module gives to a server."""

    provider: Provider
    decoders: Decoders
    pairs_of: Any


@dataclass(frozen=True, slots=True)
class Survey:
    """What became of all changes. The `live` are contradicted by a page, the `permitted` by none."""

    live: tuple[Bug, ...]
    permitted: tuple[Bug, ...]
    equivalent: tuple[str, ...]
    stillborn: tuple[str, ...]
    stuck: tuple[str, ...]


def load_private(sources: Mapping[str, Any]) -> dict[str, ModuleType]:
    """Modules from code, in this order, each seeing those before it in place of the real ones."""
    private: dict[str, ModuleType] = {}

    def importing(name: str, *rest: Any) -> Any:
        return private.get(name) or builtins.__import__(name, *rest)

    for name, code in sources.items():
        # The real name, since dataclasses look their module up by it.
        module = ModuleType(name)
        module.__dict__["__builtins__"] = {**builtins.__dict__, "__import__": importing}
        exec(code, module.__dict__)
        private[name] = module
    return private


def path_of(module: str) -> Path:
    """The file of a module of the fake; a package's is its own."""
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.cache
def _code(name: str) -> Any:
    path = path_of(name.removeprefix("fakeserver."))
    return compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True)


@functools.lru_cache(maxsize=1_000)
def parts(mutation: Mutation, slug: str) -> Parts:
    """The provider with the change in it."""
    changed = f"fakeserver.{mutation.module}"
    above = (*BUILT_ON[mutation.module], "provider") if mutation.module in BUILT_ON else ()
    names = dict.fromkeys([changed, *(f"fakeserver.{each}" for each in above), f"fakeserver.providers.{slug}"])
    path = path_of(mutation.module)
    sources = {name: _code(name) for name in names}
    sources[changed] = compile(mutation.tree, str(path), "exec", dont_inherit=True)
    private = load_private(sources)
    decoding: Any = private.get("fakeserver.spec.parameters", parameters)
    provider: Provider = private[f"fakeserver.providers.{slug}"].PROVIDER
    return Parts(provider, decoders_of(load(slug).spec, provider, decoding.decoder), decoding.query_pairs)


def apply_mutation(backend: Backend, mutation: Mutation) -> Backend:
    found = parts(mutation, backend.provider.slug)
    return replace(backend, provider=found.provider, decoders=found.decoders, pairs_of=found.pairs_of, broken=True)


@functools.cache
def everything() -> tuple[Mutation, ...]:
    """Every change, equivalent or not, of a function that some provider's requests reach."""
    found: list[Mutation] = []
    for module in BUILT_ON:
        source = path_of(module).read_text(encoding="utf-8")
        # A spec may use keywords that none of these does, and nobody can tell what is wrong with their checks.
        found += mutations(module, source, functools.partial(is_reached, module))
    for module, rules in RULES.items():
        source = path_of(module).read_text(encoding="utf-8")
        found += mutations(module, source, frozenset(rules).__contains__)
    return tuple(found)


@functools.cache
def trace_functions(slug: str) -> frozenset[tuple[str, str]]:
    """The functions (module, qualified name) that the probes of a provider reach."""
    seen: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            module = Path(frame.f_code.co_filename).relative_to(PACKAGE).with_suffix("")
            module = module.parent if module.name == "__init__" else module
            seen.add((".".join(module.parts), frame.f_code.co_qualname.replace(".<locals>", "")))

    backend = unfiled(load(slug))
    sessions = [session(slug, operation) for operation in operations_of(slug)]
    sys.setprofile(note)
    try:
        decoders_of(backend.spec, backend.provider)
        for each in sessions:
            each.difference(Replay(slug, backend.handler()))
    finally:
        sys.setprofile(None)
    return frozenset(seen)


def reaches(slug: str, module: str, function: str) -> bool:
    """Whether the probes of a provider reach a function, or one inside of it."""
    return any(
        called_module == module and (name == function or name.startswith(function + "."))
        for called_module, name in trace_functions(slug)
    )


def is_reached(module: str, function: str) -> bool:
    """Whether the probes of any provider reach a function."""
    return any(reaches(slug, module, function) for slug in SLUGS)


def operations_of(slug: str) -> tuple[str, ...]:
    return (LIST, FACETS) if BY_SLUG[slug].facets is not None else (LIST,)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `Stuck` when it takes longer; only the main thread can be interrupted, and on Windows none."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stuck

    before = signal.signal(signal.SIGALRM, stop)
    # Again and again, since what is raised while a callback of the garbage collector runs is lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def bug(mutation: Mutation, slug: str, operation: str) -> Bug:
    family = FAMILY.get(mutation.module, "tenancy")
    if mutation.function.startswith("Cursor"):
        family = "cursors"
    where = f"{mutation.module.replace('.', '/')}.py, {mutation.function}"
    summary = f"{where}: `{mutation.before}` became `{mutation.after}`."
    return Bug(
        mutation.name, slug, operation, family, summary, lambda backend, _: apply_mutation(unfiled(backend), mutation)
    )


def place(mutation: Mutation) -> Bug | str:
    """The mutant as a bug of the first provider and operation in which it shows, or why there is none. Where a page
    contradicts it comes before where none does."""
    permitted: Bug | None = None
    function = mutation.function.split(".<")[0]
    for slug in SLUGS:
        if mutation.module.startswith("providers.") and mutation.module.split(".")[1] != slug:
            continue
        if not reaches(slug, mutation.module, function):
            continue
        try:
            with time_limit(MOST_SECONDS):
                handler = apply_mutation(unfiled(load(slug)), mutation).handler()
                for operation in operations_of(slug):
                    unstated = unstated_grounds(slug, operation, handler)
                    if unstated is None:
                        return bug(mutation, slug, operation)
                    if unstated:
                        permitted = _widen(permitted or bug(mutation, slug, operation), unstated)
        except Stuck:
            return "stuck"
        except Exception:
            # It does not even start: nobody would deploy it.
            return "stillborn"
    return permitted or "equivalent"


def _widen(permitted: Bug, unstated: tuple[str, ...]) -> Bug:
    return replace(permitted, unstated=tuple(dict.fromkeys((*permitted.unstated, *unstated))))


@functools.cache
def survey(every: int = 1) -> Survey:
    """All changes (or every n-th), told from the correct server by the probes."""
    live: list[Bug] = []
    permitted: list[Bug] = []
    lost: dict[str, list[str]] = {"equivalent": [], "stillborn": [], "stuck": []}
    for mutation in everything()[::every]:
        found = place(mutation)
        if isinstance(found, Bug):
            (permitted if found.unstated else live).append(found)
        else:
            lost[found].append(f"{mutation.name}: {mutation.before} → {mutation.after}")
    return Survey(tuple(live), tuple(permitted), *(tuple(each) for each in lost.values()))
