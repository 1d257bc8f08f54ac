"""The options of a run that something else than the command has read, held to the command's rules."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from dataclasses import replace

from contract_tests.cli.arguments import check_values, parser, provider
from contract_tests.cli.command import open_wire
from contract_tests.contract import Deployment
from contract_tests.promises import BY_SLUG
from contract_tests.sending.connecting import UnusableSetting
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.pace import rate_of
from contract_tests.sending.secret import Secret
from fakeserver.arguments import UsageError

Value = str | bool | Sequence[str]


def read_options(values: Mapping[str, Value]) -> Deployment:
    """The deployment that these options name. `values` has them by their name at the command line, without dashes, and
    `provider` for the provider; tokens may be missing where the environment has them. UsageError says what is missing
    or wrong, calls the options as the command does, and repeats no credential."""
    slug = values.get("provider")
    if slug is None:
        raise UsageError(f"--provider is needed: {', '.join(BY_SLUG)}")
    try:
        provider(str(slug))
    except ArgumentTypeError as error:
        raise UsageError(f"--provider: {error}") from None
    if "base-url" not in values:
        raise UsageError("--base-url is needed: where the provider's API is served")
    known = parser()
    tokens = [name for name in values if name.endswith("token")]
    others = [name for name in values if name not in (*tokens, "provider")]
    argv = [str(slug), "--only-layer=laws", *(word for name in others for word in words_of(name, values[name]))]
    try:
        raw = known.parse_args(argv)
        for name in tokens:
            setattr(raw, name.replace("-", "_"), Secret(values[name]))
        given = check_values(known, raw)
    except UsageError as error:
        raise UsageError(str(error).removeprefix(f"{known.prog}: ")) from None
    try:
        open_wire(given).close()
    except UnusableSetting as error:
        raise UsageError(str(error)) from None
    pace = rate_of(given.base_url, given.rate)
    return Deployment(
        given.slug,
        given.base_url,
        given.options,
        Credentials(given.credentials, given.added.values()),
        lambda processes: open_wire(replace(given, rate=None if pace is None else pace / processes)),
    )


def words_of(name: str, value: Value) -> list[str]:
    """The option as it stands on a command line."""
    if isinstance(value, bool):
        return [f"--{name}"] if value else []
    return [f"--{name}={text}" for text in ([value] if isinstance(value, str) else value)]
