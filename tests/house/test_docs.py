"""The pages that commands write are as the commands would write them."""

from __future__ import annotations

import ast
import io
import re

from fakeserver.cli import main
from tests.clients.table import HEAD, SDKS, words_of
from tests.support.asgi import ROOT

DOCS = ROOT / "docs"


def test_the_page_on_states_is_what_the_command_writes() -> None:
    out = io.StringIO()
    assert main(["states"], out, io.StringIO()) == 0
    assert (DOCS / "states.md").read_text("utf-8") == out.getvalue()


def test_the_page_on_sdks_has_every_test_and_no_other() -> None:
    """And nothing that does not work, or was not tried."""
    text = (DOCS / "sdks.md").read_text("utf-8")
    assert text.startswith(HEAD)
    told = set(re.findall(r"^- (.+)$", text, re.MULTILINE))
    assert set(re.findall(r"^[A-Z][a-z ]+, (.+):$", text, re.MULTILINE)) == {"works"}
    names = set()
    for module in SDKS:
        tree = ast.parse((ROOT / "tests" / "clients" / f"{module}.py").read_text("utf-8"))
        names |= {
            words_of(each.name)
            for each in ast.walk(tree)
            if isinstance(each, ast.FunctionDef)
            and each.name.startswith("test_")
            # Such a test is told by those that it runs.
            and "record_property" not in {argument.arg for argument in each.args.args}
        }
    assert told == names
    for _, distribution, *_ in set(SDKS.values()):
        assert re.search(rf"^## \w+: `{re.escape(distribution)}` \d", text, re.MULTILINE), distribution
