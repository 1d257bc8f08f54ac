"""The page about a provider of one's own, executed from its first line to its last."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.asgi import ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "add-a-provider.md").read_text(encoding="utf-8")
SECONDS = 300
PREAMBLE = f"""
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
pip() {{ test "$1 $2" = "install -e" && python {ROOT}/tests/support/editable.py "$3" "$PLACE"; }}
curl() {{
  until command curl -s -o /dev/null --noproxy '*' http://127.0.0.1:8000/; do sleep 0.2; done
  command curl --noproxy '*' "$@"; echo
}}
"""
"""`pip` installs into a place of the test's own, and `curl` waits for the server, as a reader does."""


def blocks() -> list[tuple[str, str]]:
    """The page's fenced blocks: language and text."""
    return re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def edit(folder: Path, diff: str) -> None:
    """Replace each run of `-` lines by the `+` lines behind it; the file must have them, once."""
    name, _, changes = diff.partition("\n")
    path = folder / name.removeprefix("--- ")
    text = path.read_text(encoding="utf-8")
    for removed, added in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", changes, re.MULTILINE):
        old, new = (re.sub(r"^[-+]", "", lines, flags=re.MULTILINE) for lines in (removed, added))
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def run(script: str, folder: Path, port: int) -> str:
    """What a script prints, with a port of its own for 8000."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", (PREAMBLE + script).replace("8000", str(port))],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "PLACE": str(folder / "installed"),
            "PYTHONPATH": f"{folder / 'installed'}",
            "NO_PROXY": "127.0.0.1,localhost",
        },
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the page was followed in, and all that was printed on the way."""
    folder = tmp_path_factory.mktemp("page")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script, python = "", f"{sys.executable} -c"
    for number, (language, text) in enumerate(blocks()):
        if language == "yaml":
            (folder / "acme.yaml").write_text(text, encoding="utf-8")
        elif language == "sh":
            script += text
        elif language == "diff":
            (folder / f"{number}.diff").write_text(text, encoding="utf-8")
            code = "import sys; from pathlib import Path; from tests.house.test_add_a_provider import edit; "
            code += f"edit(Path(), Path('{number}.diff').read_text())"
            script += f'PYTHONPATH={ROOT} {python} "{code}"\n'
    return folder, run(script, folder, port)


def test_the_page_holds(output: tuple[Path, str]) -> None:
    """The command says what the page shows, and every request is answered as it says."""
    _, printed = output
    (shown,) = (text for language, text in blocks() if language == "text")
    assert shown in printed
    running, refused, unserved, labelled = (json.loads(line) for line in printed.splitlines() if line.startswith("{"))
    assert [row["state"] for row in running["boxes"]] == ["running", "running"]
    assert running["next_cursor"]
    assert refused == {"code": 429, "message": "Refused."}
    assert unserved["code"] == 501
    assert unserved["message"].endswith("POST /v2/boxes: what POST does cannot be guessed")
    assert [row["labels"] for row in labelled["boxes"]] == [["prod"], ["prod"]]
    before, after = re.split(r"^acme: \d+ laws hold.*\n", printed, flags=re.MULTILINE)[:2]
    warning = re.compile(r"^warning +SHOULD +listBoxes: positive_data_acceptance", re.MULTILINE)
    assert [len(warning.findall(text)) for text in (before, after)] == [1, 0]
    assert "/boxes?label=" in before


def test_the_tests_of_the_skeleton_pass(output: tuple[Path, str]) -> None:
    """With the package that was installed and edited, and pytest as its reader runs it."""
    folder, _ = output
    assert " passed" in run("cd fakeserver-acme && python -m pytest -q -p no:cacheprovider", folder, 8000)


def test_the_package_can_be_built(output: tuple[Path, str]) -> None:
    """A wheel has the modules, the spec and the recipe."""
    folder, _ = output
    run("python -m build --wheel --no-isolation --outdir wheel fakeserver-acme", folder, 8000)
    (wheel,) = (folder / "wheel").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        f"fakeserver_acme/{name}" for name in ("provider.py", "openapi.yaml", "recipe.yaml", "promises.py")
    } <= names
    assert "fakeserver_acme-0.1.0.dist-info/entry_points.txt" in names
