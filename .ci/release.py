"""What a release must pass: `make release-check`, or with `--tag v1.2.3` for the release itself.

It builds the committed state twice, compares, looks into what was built, installs it on the lowest and the newest
Python of the machine, and takes the steps of the Dockerfile outside of a container. What is to be published is in
`dist/` afterwards.
"""

from __future__ import annotations

import argparse
import email
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
LOWEST, NEWEST = 11, 14
"""Minors of Python 3 that are supported."""
MAX_MEGABYTES = 15.0
"""Of the wheels that the server alone depends on, on any Python."""
SECONDS = 600
START_SECONDS = 60
FOLDER = "ein Ordner mit Lücken"
"""Where the server is started: a path with spaces and letters that are not ASCII."""
FIELDS = ("Name", "Version", "Summary", "License-Expression", "Requires-Python", "Keywords", "Description-Content-Type")
NEEDED = (
    "fakeserver/py.typed",
    "contract_tests/py.typed",
    "fakeserver/admin/openapi.yaml",
    "fakeserver/fixtures/vocabularies.yaml",
    *(f"fakeserver/{each}/{slug}.yaml" for each in ("openapi", "fixtures") for slug in ("dreadnode", "instavm")),
    *(f"fakeserver/{each}/{slug}.yaml" for each in ("openapi", "fixtures") for slug in ("prime", "superserve")),
)


def fail(cause: str) -> NoReturn:
    sys.exit(f"release: {cause}")


def say(line: str) -> None:
    print(f"release: {line}", flush=True)


def run(*command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """A command's stdout; its failure is ours."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        fail(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


# What is built


def check_version(tag: str | None) -> str:
    """The version of the package; a release's is that of its tag, and has a chapter in the changelog."""
    found = re.search(r'__version__ = "([^"]+)"', (ROOT / "fakeserver" / "__init__.py").read_text("utf-8"))
    assert found is not None
    if tag is not None:
        if tag != f"v{found[1]}":
            fail(f"the tag is {tag}, and __version__ of fakeserver/__init__.py is {found[1]}")
        if f"\n## {found[1]} " not in (ROOT / "CHANGELOG.md").read_text("utf-8"):
            fail(f"CHANGELOG.md has no chapter {found[1]}, with its date")
    return found[1]


def build(folder: Path) -> dict[str, Path]:
    """The files that the committed state makes in this folder, by name."""
    source, out = folder / "source", folder / "dist"
    source.mkdir(parents=True)
    run("sh", "-c", f"git archive HEAD | tar -x -C '{source}'")
    env = {**os.environ, "SOURCE_DATE_EPOCH": run("git", "log", "-1", "--format=%ct").strip()}
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source, env=env)
    return {path.name: path for path in out.iterdir()}


def build_twice(folder: Path) -> list[Path]:
    first, second = build(folder / "first"), build(folder / "another")
    if first.keys() != second.keys():
        fail(f"built {sorted(first)}, and then {sorted(second)}")
    for name, path in first.items():
        digests = {hashlib.sha256(each.read_bytes()).hexdigest() for each in (path, second[name])}
        if len(digests) != 1:
            fail(f"{name} differs from one build to the next")
        say(f"{name}: {path.stat().st_size:,} bytes, sha256 {digests.pop()}, twice")
    return sorted(first.values())


def check_contents(wheel: Path, sdist: Path, version: str) -> None:
    with zipfile.ZipFile(wheel) as opened:
        inside = {*opened.namelist()}
        metadata = email.message_from_bytes(opened.read(f"fakeserver-{version}.dist-info/METADATA"))
    tops = {name.partition("/")[0] for name in inside}
    if tops != {"fakeserver", "contract_tests", f"fakeserver-{version}.dist-info"}:
        fail(f"the wheel has {sorted(tops)}")
    if lacking := {*NEEDED} - inside:
        fail(f"the wheel lacks {sorted(lacking)}")
    tracked = {*run("git", "ls-tree", "-r", "--name-only", "HEAD").splitlines()}
    with tarfile.open(sdist) as packed:
        packages = {name.partition("/")[2] for name in packed.getnames()} - {""}
    if stray := packages - tracked - {"PKG-INFO"}:
        fail(f"the sdist has what is not committed: {sorted(stray)[:5]}")
    if lacking := {field for field in FIELDS if not metadata[field]}:
        fail(f"the metadata lack {sorted(lacking)}")
    say(f"wheel {len(inside)} files, sdist {len(packages)}; metadata {metadata['Name']} {metadata['Version']}")


def check_urls(wheel: Path, version: str, *, needed: bool) -> None:
    """Whoever finds a release on an index has to find its source."""
    with zipfile.ZipFile(wheel) as opened:
        metadata = email.message_from_bytes(opened.read(f"fakeserver-{version}.dist-info/METADATA"))
    if metadata["Project-URL"] is None:
        cause = "pyproject.toml has no [project.urls]; a release needs Source, Changelog and Issues"
        fail(cause) if needed else say(f"{cause} (not needed before the first)")


# Where it is installed


def find_pythons(given: Sequence[str]) -> list[Path]:
    """The lowest and the newest supported Python: of those given, else of the machine."""
    found: dict[tuple[int, ...], Path] = {}
    for name in given or [f"python3.{minor}" for minor in range(LOWEST, NEWEST + 1)] + ["python3"]:
        path = shutil.which(name)
        if path is None and given:
            fail(f"there is no Python called {name}")
        if path is None:
            continue
        script = "import sys; print(*sys.version_info[:2], sys.executable)"
        done = subprocess.run([path, "-c", script], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 0:
            major, minor, executable = done.stdout.strip().split(" ", 2)
            found.setdefault((int(major), int(minor)), Path(executable))
    known = sorted(version for version in found if (3, LOWEST) <= version <= (3, NEWEST))
    if not known:
        fail(f"no Python from 3.{LOWEST} to 3.{NEWEST} is here; --python PATH names one")
    return [found[each] for each in dict.fromkeys((known[0], known[-1]))]


def install(python: Path, folder: Path, what: str, cwd: Path = ROOT) -> Path:
    """The folder of the commands of a fresh environment with this in it, in the versions of the lock."""
    run(python, "-m", "venv", folder)
    lock = ROOT / "requirements" / "dev.lock"
    pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--constraint", lock, what, cwd=cwd)
    return folder / "bin"


@contextmanager
def serving(binaries: Path, folder: Path, prefix: Sequence[str] = (), **variables: str) -> Iterator[str]:
    """The base URL of a server, in an environment that has nothing: no home, no locale."""
    env = {"PATH": f"{binaries}{os.pathsep}{os.defpath}", "HOME": "/nonexistent", "LANG": "C", "LC_ALL": "C"}
    env |= {"FAKESERVER_PORT": "0", **variables}
    screen, errors = folder / "screen", folder / "errors"
    with screen.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            [*prefix, str(binaries / "fakeserver"), "serve"], cwd=folder, env=env, stdout=out, stderr=err
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (lines := screen.read_text("utf-8").splitlines()):
            if process.poll() is not None or time.monotonic() > deadline:
                fail(f"the server did not start: {errors.read_text('utf-8')}")
            time.sleep(0.05)
        yield lines[0]
    finally:
        process.terminate()
        process.wait(START_SECONDS)
    if errors.read_bytes():
        fail(f"the server said {errors.read_text('utf-8')}")


def try_out(binaries: Path, folder: Path, version: str) -> None:
    """It serves, is well, answers, and what it lacks it names, with the exit codes that are promised."""
    folder.mkdir(parents=True)
    command = binaries / "fakeserver"
    with serving(binaries, folder) as base_url:
        told = run(command, "health", "--url", base_url, cwd=folder)
        if version not in told:
            fail(f"health says {told}")
        script = (
            "import sys, urllib.request as web; request = web.Request(sys.argv[1], headers={'Authorization': "
            "'Bearer prime-admin-key'}); print(web.build_opener(web.ProxyHandler({})).open(request).read().decode())"
        )
        body = run(binaries / "python", "-c", script, f"{base_url}/prime/api/v1/sandbox", cwd=folder)
        if not json.loads(body)["sandboxes"]:
            fail("the list is empty")
        port = base_url.rpartition(":")[2]
        refused(folder, (command, "serve", "--port", port), 2, "in use")
    refused(folder, (command, "health", "--url", base_url), 1, "not ready")
    refused(folder, (command, "check", "prime", "--base-url", "http://127.0.0.1:9", "--token", "x"), 2, "[contract]")
    refused(folder, (command, "vocabularies", "--locale", "de_DE"), 2, "[fixtures]")
    refused(folder, (command, "serv"), 2, "'serve'")


def refused(folder: Path, command: Sequence[str | Path], code: int, words: str) -> None:
    """It fails with this exit code, and with one line that has these words."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    told = done.stdout + done.stderr
    if done.returncode != code or words not in told or told.count("\n") != 1:
        fail(f"{' '.join(map(str, command))}: exit code {done.returncode}, {told}")


def weigh(binaries: Path, wheel: Path, folder: Path) -> None:
    """How large the wheels are that the server alone needs."""
    folder.mkdir()
    pip = (binaries / "python", "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    constraint = ("--constraint", ROOT / "requirements" / "dev.lock")
    run(*pip, "--only-binary", ":all:", "--dest", folder, *constraint, wheel)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.name != wheel.name}
    for name, size in sorted(sizes.items(), key=lambda each: -each[1]):
        say(f"  {size / 1e6:6.2f} MB  {name}")
    total = sum(sizes.values())
    say(f"the server's dependencies: {len(sizes)} wheels, {total / 1e6:.2f} MB of at most {MAX_MEGABYTES:g}")
    if total > MAX_MEGABYTES * 1e6:
        fail("that is too much")


def list_parts(binaries: Path, out: Path) -> None:
    """What the server is made of, as a CycloneDX file."""
    tool = Path(sys.executable).parent / "cyclonedx-py"
    run(tool, "environment", "--output-reproducible", "--output-file", out, binaries / "python")
    say(f"{out.name}: {len(json.loads(out.read_text('utf-8'))['components'])} components")


# The image


def try_image(python: Path, target: str, folder: Path) -> None:
    """The steps of the Dockerfile's stages for a target, with a scratch folder for its root."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace(" \\\n", "")
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    source, steps = (next(each for each in stages if f" AS {name}\n" in each) for name in ("source", f"build-{target}"))
    context, place = folder / "src", folder / "opt"
    context.mkdir(parents=True)
    place.mkdir()
    for line in re.findall(r"^COPY (.*)$", source, re.MULTILINE):
        *names, destination = line.split()
        for name in names:
            copy(ROOT / name, context / destination / (Path(name).name if destination.endswith("/") else ""))
    for step in re.findall(r"^RUN (.*)$", source + steps, re.MULTILINE):
        step = step.replace("/opt/", f"{place}/")
        run("sh", "-euc", step.replace("python -m venv", f"'{python}' -m venv", 1), cwd=context)
    binaries = place / "fakeserver" / "bin"
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink())
    say(f"image {target}: the layer above python:slim has {size / 1e6:.1f} MB")
    try_read_only(binaries, folder)


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def try_read_only(binaries: Path, folder: Path) -> None:
    """Serve as nobody, where nothing can be written; without the right to mount that, only where nobody else is."""
    able = os.name == "posix" and os.geteuid() == 0 and shutil.which("unshare") is not None
    if not able or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        say("no read-only root: that takes root and unshare")
        return
    readable = subprocess.run(
        ["setpriv", "--reuid", "65532", "--clear-groups", str(binaries / "python"), "-c", ""], capture_output=True
    )
    user = "setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs" if readable.returncode == 0 else ""
    mount = "mount --make-rprivate / && mount --bind / / && mount -o remount,bind,ro / && cd / && exec"
    prefix = ("unshare", "--mount", "sh", "-c", f'{mount} {user} "$@"', "image")
    with serving(binaries, folder, prefix, FAKESERVER_HOST="127.0.0.1") as base_url:
        run(binaries / "fakeserver", "health", "--url", base_url, cwd=folder)
    say(f"  served from a read-only root{' as user 65532' if user else ', as root: nobody else may run this Python'}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make release-check", description=__doc__)
    parser.add_argument("--tag", help="the release's tag, such as v1.2.3")
    parser.add_argument("--python", action="append", default=[], help="a Python to install on; may be repeated")
    parsed = parser.parse_args()
    version = check_version(parsed.tag)
    if run("git", "status", "--porcelain"):
        say("what is not committed is not part of it")
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        sdist, wheel = sorted(build_twice(folder), key=lambda path: path.suffix)
        run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
        check_contents(wheel, sdist, version)
        check_urls(wheel, version, needed=parsed.tag is not None)
        pythons = find_pythons(parsed.python)
        for number, python in enumerate(pythons):
            binaries = install(python, folder / f"on {number}", str(wheel))
            try_out(binaries, folder / FOLDER / str(number), version)
            say(f"installs and serves: {run(python, '--version').strip()}")
            weigh(binaries, wheel, folder / f"wheels {number}")
        for target in ("slim", "full"):
            try_image(pythons[0], target, folder / target)
        shutil.rmtree(DIST, ignore_errors=True)
        DIST.mkdir()
        list_parts(binaries, DIST / f"fakeserver-{version}.cdx.json")
        for path in (sdist, wheel):
            shutil.copy2(path, DIST)
    say(f"passed; dist/ has {', '.join(sorted(path.name for path in DIST.iterdir()))}")


if __name__ == "__main__":
    main()
