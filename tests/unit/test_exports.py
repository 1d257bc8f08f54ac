"""Variables as shells and readers of settings take them; where the reader is on this machine, it is asked."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from fakeserver.exports import FORMATS, bypass_proxies

HARD = {
    "PLAIN": "http://127.0.0.1:1/x",
    "QUOTES": """it's a "$HOME" `id` \\ %PATH%""",
    "EMPTY": "",
    "ÜBER": "größe 日本",
}
NOTE = "write Client('k')"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_shell_reads_what_was_written() -> None:
    """Whatever a value holds; names are those of variables."""
    variables = {name: text for name, text in HARD.items() if name.isascii()}
    script = FORMATS["sh"](variables, NOTE) + "env -0"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, timeout=60)
    seen = dict(pair.split("=", 1) for pair in done.stdout.decode().split("\0") if pair)
    assert variables.items() <= seen.items()


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("fish", "# write Client('k')\nset -gx A 'it\\'s \\\\ $x'\n"),
        ("powershell", "# write Client('k')\n$env:A = 'it''s \\ $x'\n"),
        ("dotenv", "# write Client('k')\nA=\"it's \\\\ \\$x\"\n"),
    ],
)
def test_other_forms(form: str, text: str) -> None:
    """Each quotes as its reader does, and has the note in front."""
    assert FORMATS[form]({"A": "it's \\ $x"}, NOTE) == text


def test_json_has_no_place_for_a_note() -> None:
    assert json.loads(FORMATS["json"](HARD, NOTE)) == HARD


def test_plain_values_of_a_dotenv_file_are_taken_as_they_are() -> None:
    assert FORMATS["dotenv"]({"A": "a $b"}, "") == "A='a $b'\n"


@pytest.mark.parametrize(
    ("base_url", "environ", "found"),
    [
        ("http://127.0.0.1:1", {}, {"NO_PROXY": "127.0.0.1,localhost,::1"}),
        ("http://fake.intern:1/x", {}, {"NO_PROXY": "127.0.0.1,localhost,::1,fake.intern"}),
        ("http://[::1]:1", {"NO_PROXY": "a, ::1,,b"}, {"NO_PROXY": "127.0.0.1,localhost,::1,a,b"}),
        (
            "http://127.0.0.1:1",
            {"no_proxy": "a"},
            {"NO_PROXY": "127.0.0.1,localhost,::1", "no_proxy": "127.0.0.1,localhost,::1,a"},
        ),
    ],
)
def test_no_proxy_is_asked_for_this_machine(base_url: str, environ: dict[str, str], found: dict[str, str]) -> None:
    """What the variables hold stays; the one in lower case, which wins, is changed where it is set."""
    assert bypass_proxies(base_url, environ) == found
