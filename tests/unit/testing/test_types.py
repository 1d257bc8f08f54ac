"""What a type checker knows of the fixtures: a slip is found before a test runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.asgi import ROOT

pytestmark = pytest.mark.slow

SECONDS = 300.0
RIGHT = [
    "prime.fault(code=503, times=2, after=1, headers={'Retry-After': '1'}, operation='listSandboxes')",
    "prime.fault(fault='EMPTY_RESPONSE', phase='after', probability=0.5, match={'caller': 'admin'})",
    "prime.fault(delay_ms=timedelta(seconds=1), handling='lenient', example='x')",
    "prime.fault(delayDistribution={'type': 'uniform', 'lower': 1, 'upper': timedelta(seconds=1)})",
    "prime.fault(delayDistribution={'type': 'lognormal', 'median': 1, 'sigma': 0.1, 'maxValue': 7})",
    "prime.fault(chunkedDribbleDelay={'numberOfChunks': 2, 'totalDuration': timedelta(seconds=1)})",
    "prime.on_command('pytest*', stdout='a', stderr='b', exit_code=1, delay=timedelta(seconds=1), times=2)",
    "fake.on_command('make', delay=0.5)['hits']",
    "[each.stdout for each in (*fake.commands, *prime.commands)]",
    "prime.read_file('id', '/root/a').decode() + prime.list_files('id')[0]['name']",
    "fake.clock.advance(timedelta(days=1))",
    "fake.clock.set(datetime.now(UTC))",
    "prime.documents.update('id', name='x')['name']",
    "prime.documents.update(lambda row: row['name'] == 'x', name='y')[0]",
    "prime.documents = [prime.build(name='x'), *prime.documents]",
]
WRONG = [
    ("prime.fault(cod=503)", "call-arg"),
    ("prime.fault(503)", "arg-type"),
    ("prime.fault(fault='EMPTY')", "arg-type"),
    ("prime.fault(code='503')", "arg-type"),
    ("prime.fault(phase='during')", "arg-type"),
    ("prime.fault(match={'callr': 'admin'})", "arg-type"),
    ("prime.fault(chunkedDribbleDelay={'numberOfChunks': 2})", "arg-type"),
    ("prime.on_command('pytest*', exitcode=1)", "call-arg"),
    ("prime.on_command('pytest*', exit_code='1')", "arg-type"),
    ("fake.on_command(['pytest'])", "arg-type"),
    ("fake.commands[0].stdout = ''", "misc"),
    ("prime.documents.append({})", "attr-defined"),
    ("prime.documents[0] = {}", "index"),
    ("fake.clock.advance('1h')", "arg-type"),
]


def test_slips_are_found_by_mypy(tmp_path: Path) -> None:
    """Under --strict: every argument of `fault` has its name and its type, and what is right is taken."""
    head = [
        "from datetime import UTC, datetime, timedelta",
        "from fakeserver.testing import World",
        "def test_mine(fake: World) -> None:",
        "    prime = fake.prime",
    ]
    code = [*head, *(f"    {line}" for line in RIGHT), *(f"    {line}" for line, _ in WRONG)]
    (tmp_path / "mine.py").write_text("\n".join(code) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run(
        [*command, str(tmp_path / "mine.py")], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    found = {
        int(number): kind
        for number, kind in re.findall(r"mine\.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    }
    first = len(head) + len(RIGHT) + 1
    assert found == {first + index: kind for index, (_, kind) in enumerate(WRONG)}, done.stdout + done.stderr
