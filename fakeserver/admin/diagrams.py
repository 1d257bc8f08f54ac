"""Tables of states for people: a diagram (Mermaid) and the same as a table, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from fakeserver.documents.states import GONE, Machine, Transition
from fakeserver.provider import Provider

HEAD = """# States

The states of each kind of documents, as a diagram and a table that `fakeserver states` writes. *Call*: an operation of
the provider makes the transition; *by itself*: it happens at an instant of its own, such as the end of a lifetime;
*passes in*: a passing state ends, by the setting `transitions`; *outcome*: it ends so if somebody asks for that.

"""


def draw_provider(provider: Provider) -> str:
    """Every table of a provider, one after the other, as Markdown."""
    parts = [f"## {provider.slug}"]
    for name in ("", *provider.kinds):
        machine = provider.kind(name).machine
        if machine is not None:
            parts += [f"### {name or 'sandboxes'}", "\n".join(diagram(machine)), "\n".join(table(machine))]
    return "\n\n".join(parts) + "\n"


def diagram(machine: Machine) -> Iterator[str]:
    """The states and what leads from one to another; a passing state in brackets behind its seconds."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    names = {state: f"s{number}" for number, state in enumerate(machine.states)}
    for state, name in names.items():
        yield f'    state "{label(machine, state)}" as {name}'
    for row in machine.transitions:
        for state in row.source:
            yield f"    {names[state]} --> {names.get(row.target, '[*]')}: {cause(row)}"
    yield "```"


def table(machine: Machine) -> Iterator[str]:
    """One line for each row of the table."""
    yield "| from | event | to | how | what changes |"
    yield "|---|---|---|---|---|"
    for row in machine.transitions:
        sources = ", ".join(label(machine, state) for state in row.source)
        target = "– (gone)" if row.target == GONE else label(machine, row.target)
        yield f"| {sources} | {row.event} | {target} | {way(row)} | {row.note or '–'} |"


def label(machine: Machine, state: str) -> str:
    """A state, and what a document shows of it if that is another."""
    shown = machine.shown.get(state, state)
    return state if shown == state else f"{state} (shows {shown})"


def cause(row: Transition) -> str:
    if row.outcome:
        return f"{row.event} (outcome {row.outcome})"
    return f"{row.event} ({way(row)})" if row.seconds is not None or row.due is not None else row.event


def way(row: Transition) -> str:
    """How a transition comes about."""
    if row.outcome:
        return f"outcome `{row.outcome}`" + (f", after {row.seconds} s" if row.seconds is not None else "")
    if row.seconds is not None:
        return f"passes in {row.seconds} s"
    return "by itself" if row.due is not None else "call"
