"""What pytest gets from this package: the fixture `fakeserver`, a world per test on one background server per test
process, and the same per class, module and session; and the contract kit, which is loaded where one of its options is
given."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakeserver import kit
from fakeserver.arguments import UsageError
from fakeserver.extras import install_line

if TYPE_CHECKING:
    from fakeserver.intercept.running import Interception
    from fakeserver.testing.handles import World
    from fakeserver.testing.server import Server

KIT_PLUGIN = f"{kit.NAME}.plugin"
MANY: Mapping[str, str] = {"action": "append"}
SWITCH: Mapping[str, Any] = {"action": "store_true", "default": None}
NOBODYS = object()
UNSERVED = "fakeserver_unserved"
"""The setting, and the marker, for requests that the fake does not serve."""
FAIL, IGNORE = "fail", "ignore"
INTERCEPT = "--fakeserver-intercept"
"""The option that lets every test find the fake at the providers' own hosts."""


@dataclass(frozen=True, slots=True)
class KitOption:
    """An option of the contract kit. It is called `--contract-NAME` and has a short name wherever that is free; what
    its value means is up to the option `--NAME` of `fakeserver check`."""

    name: str
    help: str
    short: str = ""
    kind: Mapping[str, Any] = field(default_factory=dict)

    @property
    def full(self) -> str:
        return f"--contract-{self.name}"

    @property
    def is_secret(self) -> bool:
        return self.name == "header" or self.name.endswith("token")

    @property
    def attribute(self) -> str:
        """Where `config.option` has its value: None where it was not given."""
        return f"contract_{self.name.replace('-', '_')}"


KIT_OPTIONS = (
    KitOption("provider", "whose contract is checked, such as prime", "--provider"),
    KitOption("base-url", "where the provider's API is served", "--base-url"),
    KitOption("token", "the credential (or FAKESERVER_TOKEN in the environment)", "--token"),
    KitOption("other-token", "a credential of somebody who shares nothing with the first caller", "--other-token"),
    KitOption("colleague-token", "a credential of somebody in the same org or team, no admin", "--colleague-token"),
    KitOption("org", "dreadnode: the org; prime: a team of the caller; may be repeated", "--org", MANY),
    KitOption("known", "a sandbox that must be in the list; may be repeated", "--known", MANY),
    KitOption("rate", "at most so many requests per second, such as 5/s", "--rate"),
    KitOption("header", "'NAME: VALUE', sent with every request and kept secret; may be repeated", kind=MANY),
    KitOption("cacert", "certificates in PEM to trust beside the usual ones"),
    KitOption("timeout", "seconds to wait for an answer"),
    KitOption("profile", "polite, default or deep"),
    KitOption("seed", "same seed, same requests"),
    KitOption("strict", "fail on what is implied or assumed, too", "--strict-contract", SWITCH),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        UNSERVED,
        f"{FAIL}: a test that asks the fake for what it does not serve fails; {IGNORE} (default)",
        default=IGNORE,
    )
    parser.getgroup("fakeserver", "fakes of sandbox providers").addoption(
        INTERCEPT,
        action="store_true",
        help="the providers' own hosts are the fake, in a world of its own for each test",
    )
    group = parser.getgroup(
        "contract", "contract of a sandbox provider (short names are there where no other plugin has them)"
    )
    for option in KIT_OPTIONS:
        also = f" (also {option.short})" if option.short else ""
        metavar = {} if option.kind is SWITCH else {"metavar": option.name.rpartition("-")[2].upper()}
        group.addoption(option.full, help=option.help + also, **option.kind, **metavar)


@dataclass(frozen=True, slots=True)
class Names:
    """What the options of the kit are called in this run."""

    used: frozenset[str]
    """Whatever stands in front of a value in the arguments, those of settings and environment included."""
    taken: frozenset[str]
    """The short names that another plugin or a conftest has."""

    def of(self, option: KitOption) -> str:
        """The name that the user has given, or may give."""
        full = option.full in self.used or not option.short or option.short in self.taken
        return option.full if full else option.short


NAMES = pytest.StashKey[Names]()
BY_FILE = "loadfile"
DIST = pytest.StashKey[str]()
"""How pytest-xdist gives tests to processes; the processes themselves are not told."""


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Add the short names that are used and free, when everybody who may own one has been loaded; and load the kit
    where it is asked for, or say of its fixture what is missing."""
    result = yield
    early_config.stash[NAMES] = names = add_short_names(early_config, parser, args)
    given = parser.parse_known_args(args)
    if all(getattr(given, option.attribute, None) is None for option in KIT_OPTIONS):
        early_config.pluginmanager.register(Unasked(names), "fakeserver-unasked-contract")
        return result
    with kit.borrowed_name():
        early_config.pluginmanager.import_plugin(KIT_PLUGIN)
    if getattr(given, "numprocesses", None):
        # One process has all the packaged laws, so that the deployment is read once; `--dist` still decides where it
        # is given, since it stands behind this.
        args[:0] = ["--dist", BY_FILE]
        early_config.stash[DIST] = parser.parse_known_args(args).dist
    return result


def add_short_names(config: pytest.Config, parser: pytest.Parser, args: Sequence[str]) -> Names:
    """Short names come last and only where they are used: an option of that name may be a conftest's far below, which
    is loaded when the tests are collected."""
    used = frozenset(argument.partition("=")[0] for argument in args)
    in_files = any(argument.startswith("@") for argument in args)
    short = [option for option in KIT_OPTIONS if option.short]
    taken = frozenset(option.short for option in short if config.getoption(option.short, NOBODYS) is not NOBODYS)
    group = parser.getgroup("contract")
    for option in short:
        if option.short not in taken and (option.short in used or in_files):
            group.addoption(option.short, dest=option.attribute, help=f"short for {option.full}", **option.kind)
    return Names(used, taken)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Tell the kit what it was given, before anything is collected: what is wrong with it ends the run."""
    config = session.config
    plugin = config.pluginmanager.get_plugin(KIT_PLUGIN)
    if plugin is None:
        return
    # Of several processes the first one has said already what is printed here.
    silence = contextlib.redirect_stderr(io.StringIO()) if hasattr(config, "workerinput") else contextlib.nullcontext()
    try:
        with kit.borrowed_name(), silence:
            options = importlib.import_module(f"{kit.NAME}.cli.options")
            deployment = options.read_options(values_of(config))
    except ImportError as error:
        told = f"contract: the kit cannot be loaded ({error}); install it with: {install_line('contract')}"
        raise pytest.UsageError(told) from None
    except UsageError as error:
        names = {f"--{option.name}": config.stash[NAMES].of(option) for option in KIT_OPTIONS}
        said = re.sub(r"(?<![\w-])--[a-z-]+", lambda name: names.get(name[0], name[0]), str(error))
        raise pytest.UsageError(f"contract: {said}") from None
    plugin.begin(config, deployment, by_file=config.stash.get(DIST, "") == BY_FILE)
    for option in KIT_OPTIONS:
        if option.is_secret:
            setattr(config.option, option.attribute, None)  # A repr of all options would show it.


def values_of(config: pytest.Config) -> dict[str, Any]:
    """What was given, by the options' names at the command line of a check."""
    values = {option.name: value_of(config, option) for option in KIT_OPTIONS}
    return {name: value for name, value in values.items() if value is not None}


def value_of(config: pytest.Config, option: KitOption) -> Any:
    """What was given for an option. Where somebody else has its short name, theirs is read if the user gives it a value
    in this run; and a base URL also where pytest-base-url has it from the environment or its setting."""
    value = getattr(config.option, option.attribute, None)
    names = config.stash[NAMES]
    is_base_url = option.name == "base-url"
    if value is None and option.short in names.taken and (option.short in names.used or is_base_url):
        theirs = config.getoption(option.short)
        right = isinstance(theirs, list) if option.kind is MANY else isinstance(theirs, str)
        value = theirs if right else None
    if not value and is_base_url and option.short in names.taken:
        value = setting(config, "base_url") or value
    return value


def setting(config: pytest.Config, name: str) -> str | None:
    """A setting of another plugin; None where nobody knows it."""
    try:
        return str(config.getini(name) or "") or None
    except (KeyError, ValueError):
        return None


class Unasked:
    """What there is of the contract kit where none of its options is given."""

    def __init__(self, names: Names) -> None:
        provider, base_url, token = map(names.of, KIT_OPTIONS[:3])
        self.reason = f"no deployment to check: {provider}, {base_url} and {token} name one"

    @pytest.fixture(scope="session")
    def contract(self) -> None:
        """The deployment that --provider, --base-url and --token name: `contract.hold(law)` fails where it does not
        keep the law."""
        pytest.skip(self.reason)


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> pytest.CollectReport | None:
    """Collect nothing, and say why, where a package of the user's and the kit cannot share their name."""
    conflict = conflict_of(collector) if kit.Finder in sys.meta_path else None
    return pytest.CollectReport(collector.nodeid, "failed", conflict, []) if conflict else None


def conflict_of(collector: pytest.Collector) -> str | None:
    """What stands between a package called like the kit and the other one of that name; None if nothing does."""
    folder = collector.path
    if not isinstance(collector, pytest.Package) or folder.name != kit.NAME:
        return None
    if (folder.parent / "__init__.py").exists():
        return None  # Inside of another package the name is a longer one.
    loaded = Path(getattr(sys.modules.get(kit.NAME), "__file__", None) or kit.FOLDER / "__init__.py").parent
    theirs = loaded if folder == kit.FOLDER else folder
    if theirs == kit.FOLDER:
        return None
    shared = kit.shared_modules(theirs)
    if collector.config.option.pyargs and any(names_kit(argument) for argument in collector.config.args):
        reason = f"and --pyargs {kit.NAME} leads to the former"
    elif folder == kit.FOLDER:
        reason = "and only one of them can be collected in one run"
    elif shared:
        reason = f"and both have a module {shared[0]!r}"
    else:
        return None
    way_out = "rename the former, or remove its __init__.py"
    return f"{theirs} is called like the contract kit in {kit.FOLDER}, {reason}: {way_out}"


def names_kit(argument: str) -> bool:
    """Whether an argument of pytest's is the kit's name, or that of a module or test in it."""
    return argument.partition("::")[0].partition(".")[0] == kit.NAME


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{UNSERVED}(how): `fail` or `{IGNORE}`, for this test, as the setting of that name"
    )
    check_choice(config.getini(UNSERVED), f"the setting {UNSERVED}")
    if config.getoption(INTERCEPT):
        config.pluginmanager.register(Intercepting(), "fakeserver-intercepting")


class Intercepting:
    """What every test has where the providers' own hosts are the fake."""

    @pytest.fixture(autouse=True)
    def fakeserver_intercepted(self, fakeserver_interception: Interception, fakeserver: World) -> None:
        """Every test's requests are for the world of its own."""
        fakeserver_interception.enter(fakeserver.name)


def check_choice(how: str, where: str) -> str:
    """What is done about requests that the fake does not serve, or a UsageError."""
    if how not in (FAIL, IGNORE):
        raise pytest.UsageError(f"{where} is {how!r}; it can be {FAIL} or {IGNORE}")
    return how


@pytest.fixture(scope="session")
def fakeserver_server() -> Iterator[Server]:
    """The server that the worlds of all tests live on; it starts when the first test needs it."""
    from fakeserver.testing.server import running

    with running() as server:
        yield server


@pytest.fixture(scope="session")
def fakeserver_interception(fakeserver_server: Server) -> Iterator[Interception]:
    """What stands in for the providers' hosts, in this process and those that it starts: `enter(name)` says in which
    world, and `seen` what has come so far."""
    try:
        from fakeserver.testing.interception import intercepted

        with intercepted(fakeserver_server) as interception:
            yield interception
    except UsageError as error:
        pytest.exit(f"{INTERCEPT}: {error}", returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture
def fakeserver(fakeserver_server: Server, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world of this test's own: `fakeserver.prime.base_url`, `.token`, `.fault(…)`, `fakeserver.clock.advance(…)`."""
    yield from open_world(fakeserver_server, request)


@pytest.fixture(scope="class")
def fakeserver_class(fakeserver_server: Server, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world that the tests of one class share."""
    yield from open_world(fakeserver_server, request)


@pytest.fixture(scope="module")
def fakeserver_module(fakeserver_server: Server, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world that the tests of one module share."""
    yield from open_world(fakeserver_server, request)


@pytest.fixture(scope="session")
def fakeserver_session(fakeserver_server: Server, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world that all tests of one process share."""
    yield from open_world(fakeserver_server, request)


def open_world(server: Server, request: pytest.FixtureRequest) -> Iterator[World]:
    """A fresh world for the fixture's scope, deleted at its end; what was asked for there and is not served fails it,
    where the settings say so."""
    marker = request.node.get_closest_marker(UNSERVED)
    how = request.config.getini(UNSERVED)
    if marker is not None:
        how = check_choice(marker.args[0] if marker.args else "", f"the marker {UNSERVED}")
    with server.world() as world:
        yield world
        unserved = world.unserved if how == FAIL else []
    if unserved:
        pytest.fail(f"the fake does not serve {', '.join(unserved)}, so nothing happened", pytrace=False)
