"""The packaged laws run under pytest, and a team's own laws run beside them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from fakeserver.testing.server import running

README = Path(__file__).parents[2] / "contract_tests" / "README.md"


def pytest_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *arguments,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_readme_example_beside_the_packaged_laws(tmp_path: Path) -> None:
    """The example of the kit's README holds on the fake; each law is one test; a broken law of one's own fails."""
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    (tmp_path / "test_ours.py").write_text(
        example[1]
        + "\n\ndef nobody_runs(check):\n    '''Nothing runs.'''\n    check.witness('rows')\n"
        + "    check.fail('something runs', *check.snapshot().asks)\n\n\n"
        + "def test_nobody_runs(contract):\n    contract.hold(nobody_runs)\n"
    )
    with running() as server:
        base = server.base_url
        options = ["--provider", "prime", "--base-url", f"{base}/prime", "--token", "prime-admin-key"]
        done = pytest_run(tmp_path, "--pyargs", "contract_tests", "test_ours.py", *options)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "1 failed" in said
    assert "FAILED test_ours.py::test_nobody_runs" in said
    assert "something runs" in said
    assert int(re.search(r"(\d+) passed", said)[1]) > 30  # type: ignore[index]
    assert "prime-admin-key" not in said
