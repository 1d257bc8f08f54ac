"""Plugins: what installed packages bring of one kind, under an entry point each. Ours are found as those of others are.

A package that is wrong costs only what it brings itself: whatever happens while it is loaded becomes one line that
names the package and the cause.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import re
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

OURS = "fakeserver"
MAX_CAUSE = 300
"""Characters of somebody else's error that a line repeats."""
MAX_CAUSES = 8
"""So far the causes of an error are followed."""
MAX_NAME = 60
"""Characters of a file's name that a line repeats."""
SLUG = re.compile(r"[a-z][a-z0-9_-]{0,63}")
RESERVED = frozenset({"ns", "vocabularies"})
"""Names that paths and the files of `--fixtures` have another use for."""

Kind = TypeVar("Kind")

log = logging.getLogger("fakeserver")


class UnusablePlugin(Exception):
    """What a package brings cannot be used; the message is one line that names the package and the cause."""


class Unsuitable(Exception):
    """A plugin that can be loaded, but is not what its entry point says; the message is the cause."""


class Found(NamedTuple):
    """An entry point and the package that has it."""

    package: str
    point: EntryPoint


def place_of(found: Found) -> tuple[bool, str, str]:
    """The order in which plugins are listed: ours first."""
    return found.package != OURS, found.package, found.point.name


class Plugins(Mapping[str, Kind], Generic[Kind]):
    """The plugins of one group by name, ours first; `noun` is what one is called. Their names are read when they are
    first asked for, and each is imported when it is: `plugins[name]` raises an UnusablePlugin if that fails.

    A plugin is a value of the type that `kind` returns, which nobody imports before one is asked for; its `slug` is the
    name of its entry point. Nobody takes the place of ours: `left_out` has a line for each that would. Of two others
    with one name none can be used."""

    def __init__(self, group: str, kind: Callable[[], type[Kind]], noun: str) -> None:
        self.group = group
        self.kind = kind
        self.noun = noun
        self.loaded: dict[str, Kind] = {}

    def __getitem__(self, name: str) -> Kind:
        first, *others = self._found[name]
        if name not in self.loaded:
            try:
                if others and not self.is_ours(name):
                    raise Unsuitable(f"package {others[0].package!r} brings one of the same name")
                # What a command prints is read by scripts, so nothing that a package says comes before it.
                with contextlib.redirect_stdout(sys.stderr):
                    self.loaded[name] = self._load(first.point)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # A package may do anything while it is imported, even end the process.
                raise self.unusable(name, error) from error
        return self.loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @contextlib.contextmanager
    def afresh(self, names: Collection[str]) -> Iterator[None]:
        """Import these plugins anew, each when it is asked for in the block; if the block fails, all is as it was. Of
        ours that is the module alone, of others the whole package that it is in."""
        loaded, modules = dict(self.loaded), dict(sys.modules)
        gone = {name for each in names for name in self.modules(each)}
        for each in names:
            self.loaded.pop(each, None)
        for name in gone:
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        try:
            yield
        except BaseException:
            self.loaded = loaded
            sys.modules.update({name: modules[name] for name in gone})
            raise

    def modules(self, name: str) -> list[str]:
        """The modules that have been imported of a plugin's."""
        package = self.package(name)
        return [each for each in [*sys.modules] if each == package or each.startswith(f"{package}.")]

    def package(self, name: str) -> str:
        """The package that a plugin's module is in; of ours, and where there is none, the module itself."""
        module = self._found[name][0].point.module
        return module if self.is_ours(name) else module.rpartition(".")[0] or module

    def is_ours(self, name: str) -> bool:
        """Whether the plugin of this name is one of this package's own."""
        return self._found[name][0].package == OURS

    @property
    def left_out(self) -> dict[str, list[str]]:
        """By name, a line for each plugin that has the name of one of ours."""
        cause = f"package {OURS!r} brings one of the same name"
        return {
            name: [self._line(name, other.package, cause) for other in others]
            for name, (_, *others) in self._found.items()
            if others and self.is_ours(name)
        }

    def unusable(self, name: str, error: BaseException) -> UnusablePlugin:
        """What is said of a plugin that fails for this reason."""
        package, point = self._found[name][0]
        return UnusablePlugin(self._line(name, package, cause_of(error) + place_in(error, point.module)))

    @functools.cached_property
    def _found(self) -> dict[str, list[Found]]:
        found: dict[str, list[Found]] = {}
        for each in sorted(find_entry_points(self.group), key=place_of):
            found.setdefault(each.point.name, []).append(each)
        return found

    def _load(self, point: EntryPoint) -> Kind:
        check_slug(point.name)
        plugin = point.load()
        kind = self.kind()
        if not isinstance(plugin, kind):
            raise Unsuitable(f"{point.value} is of type {type(plugin).__name__}, not {kind.__name__}")
        slug: Any = getattr(plugin, "slug", None)
        if slug != point.name:
            raise Unsuitable(f"the slug of {point.value} is {slug!r}, but its entry point is called {point.name!r}")
        return plugin

    def _line(self, name: str, package: str, cause: str) -> str:
        return f"{self.noun} {name!r} of package {package!r} cannot be used: {cause}"


def check_slug(slug: str) -> None:
    """Refuse a slug that cannot stand unquoted in paths and name a provider's files: an Unsuitable."""
    if SLUG.fullmatch(slug) is None:
        raise Unsuitable("a slug must be lower-case letters, digits, '-' and '_', a letter first: it stands in paths")
    if slug in RESERVED:
        raise Unsuitable(f"the slug {slug!r} has another meaning in paths or among fixtures")


def cause_of(error: BaseException) -> str:
    """An error as the end of a line. Ours are sentences; anybody else's begins with what it is."""
    try:
        said = str(error)
    except Exception:  # Somebody else's class.
        said = ""
    text = printable(said)[:MAX_CAUSE]
    if type(error).__module__.partition(".")[0] == OURS:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place_in(error: BaseException, module: str) -> str:
    """Where in the package of a module an error comes from, ` (provider.py, line 9)`; nothing if it does not."""
    if isinstance(error, SyntaxError):  # Its own words have the place.
        return ""
    package, place = module.partition(".")[0], ""
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None:
            break
        for frame, line in traceback.walk_tb(cause.__traceback__):
            if str(frame.f_globals.get("__name__")).partition(".")[0] == package:
                place = f" ({printable(Path(frame.f_code.co_filename).name)[:MAX_NAME]}, line {line})"
        cause = cause.__cause__
    return place


def printable(text: str) -> str:
    """What others say on one line: it must not move the cursor of a terminal."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def find_entry_points(group: str) -> Iterator[Found]:
    """The entry points of a group, each package once, as the first place on the path has it. Only packages that name
    the group are looked into, so that what is wrong with any other spoils nothing here."""
    from importlib.metadata import distributions

    seen: set[str] = set()
    for distribution in distributions():
        try:
            text = distribution.read_text("entry_points.txt")
        except Exception:  # Whose file is no text, or cannot be read, has no plugin that somebody could have used.
            log.warning("the entry points of package %r cannot be read: they are not text", name_of(distribution))
            continue
        if text is None or group not in text:
            continue
        package = name_of(distribution)
        if package in seen:
            continue
        seen.add(package)
        try:
            yield from [Found(package, point) for point in distribution.entry_points if point.group == group]
        except Exception as error:  # Every version of Python fails in its own way at a line that it cannot read.
            log.warning("the entry points of package %r cannot be read: %s", package, cause_of(error))


def name_of(distribution: Distribution) -> str:
    """What a package is called; some say nothing of themselves, and Python's versions differ in how that fails."""
    try:
        name: Any = distribution.metadata["Name"]
    except Exception:
        name = None
    return str(name or "without a name")
