"""`python -m tests.clients.external FOLDER`: Prime's own tests of `prime-sandboxes` against the fake, with both
versions of it, in a network of its own. `FOLDER` is `packages/prime-sandboxes` of a checkout of
PrimeIntellect-ai/prime, which is no part of this project; its tests make sandboxes, run commands and move files as its
users do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.clients.others import FOLDER, ROOT
from tests.support.network import inside, why_not

TESTS = ("test_sandbox_operations", "test_command_execution", "test_file_operations")
VERSIONS = {"0.5.1": None, "0.2.39": FOLDER / "prime-sandboxes-0.2.39"}
"""By version, where it is; without a folder it is the suite's own."""


def command(folder: Path) -> list[str]:
    """What runs the tests beside a server, without this project's own settings of pytest."""
    files = [str(folder / "tests" / f"{name}.py") for name in TESTS]
    tests = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(folder), "-p", "no:cacheprovider"]
    serve = [sys.executable, "-m", "fakeserver", "run", "prime", "--no-rate-limits", "--"]
    return inside([*serve, *tests, "-p", "no:randomly", "-p", "no:fakeserver", *files])


def main(words: list[str]) -> int:
    if len(words) != 1 or not (Path(words[0]) / "tests").is_dir():
        sys.stderr.write(f"{__doc__}\n")
        return 2
    if reason := why_not():
        sys.stderr.write(f"{reason}\n")
        return 3
    codes = []
    for version, path in VERSIONS.items():
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path)] * (path is not None) + [str(ROOT)])}
        sys.stdout.write(f"prime-sandboxes {version}\n")
        sys.stdout.flush()
        codes.append(subprocess.run(command(Path(words[0]).resolve()), env=environment, check=False).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
