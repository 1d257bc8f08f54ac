"""Pages of docs, what stands in their fences, and how that is executed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.asgi import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECONDS = 300
BASE_URL = "http://127.0.0.1:8000"
FENCE = re.compile(r"^```(?P<language>[\w-]*) ?(?P<note>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
PREAMBLE = "pip() { :; }\nnpm() { :; }\n"
"""What a page installs is here."""


@dataclass(frozen=True)
class Block:
    """A fence. The note behind its language is what it needs, or the name of the file that it is."""

    language: str
    note: str
    text: str

    def __str__(self) -> str:
        return f"{self.language} {self.note or self.text.splitlines()[0][:40]}"


def page(name: str) -> str:
    """The text of a page of docs."""
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def blocks(text: str, *languages: str) -> list[Block]:
    """The fences of a page in these languages, or in all, in order."""
    found = [Block(**each.groupdict()) for each in FENCE.finditer(text)]
    return [each for each in found if not languages or each.language in languages]


def shell(script: str, root: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script of a page against a live server instead of port 8000."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "NO_PROXY": "127.0.0.1,localhost",
        **more,
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", PREAMBLE + script.replace(BASE_URL, root)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=home,
        env=environment,
    )


def assert_it_did(block: Block, done: subprocess.CompletedProcess[str]) -> None:
    """A script came to its end and said something, nothing of which is a refusal by the fake; and where it shows heads
    of answers, there is one with every status that it asks for."""
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert done.stdout.strip()
    assert '"type":"about:blank"' not in done.stdout, done.stdout[-2000:]
    for wanted in re.findall(r"""code(?:=|": )(\d{3})""", block.text) if "curl -si" in block.text else ():
        assert f"HTTP/1.1 {wanted}" in done.stdout
