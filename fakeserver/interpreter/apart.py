"""Commands that run in a process of their own: nothing else ends a program of `jq` that turns for ever, or keeps one
that is nested too deep from ending whoever runs it."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

MEMORY_BYTES = 2**30
"""Of addresses that such a process may have."""
OUTPUT_BYTES = 16 * 2**20
POLL_SECONDS = 0.05
"""How often it is looked whether the command around it is to end."""
TURNING = re.compile(r"\b(?:def|repeat|until|while|recurse|range|limit|foreach|reduce|walk|input|inputs|last|first)\b")
MAX_NESTED = 50
"""Brackets within each other, above which a program is run apart."""
PROGRAM = """
import base64, json, resource, shlex, sys
import bashkit
asked = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_CPU, (asked["cpu"], asked["cpu"]))
resource.setrlimit(resource.RLIMIT_AS, (asked["memory"], asked["memory"]))
bash = bashkit.Bash(profile=bashkit.ExecutionProfile.Interactive)
system = bash.fs()
system.mkdir(asked["directory"], recursive=True)
for path, content in asked["files"].items():
    system.mkdir(path.rpartition("/")[0] or "/", recursive=True)
    system.write_file(path, base64.b64decode(content))
for name, text in asked["variables"].items():
    bash.set_env(name, text)
text = "cd -- " + shlex.quote(asked["directory"]) + " && " + shlex.join(asked["words"])
if asked["stdin"] is not None:
    system.write_file("/dev/.stdin", asked["stdin"].encode())
    text += " < /dev/.stdin"
done = bash.execute_sync(text)
json.dump([done.stdout, done.stderr + (done.error or ""), done.exit_code], sys.stdout)
"""


def is_tame(program: str) -> bool:
    """Whether a program of `jq` surely comes to an end."""
    depth = deepest = 0
    for character in program:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest <= MAX_NESTED and not TURNING.search(program) and ".." not in program


def run(asked: dict[str, Any], seconds: float, over: Callable[[], bool]) -> tuple[str, str, int] | None:
    """What the streams and the exit code of some words come to in another process; nothing if it had to be ended: it
    took longer than that, the command around it is `over`, or it has broken down."""
    asked = asked | {"cpu": int(seconds) + 1, "memory": MEMORY_BYTES}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Nothing of the server's surroundings but where its packages are.
        env={"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
    )
    text, waited = json.dumps(asked).encode(), 0.0
    try:
        while True:
            try:
                written, _ = process.communicate(text, timeout=POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                text, waited = b"", waited + POLL_SECONDS
                if over() or waited > seconds:
                    return None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode:
        return None
    stdout, stderr, code = json.loads(written)
    return stdout, stderr, code


def packed(content: bytes) -> str:
    return base64.b64encode(content).decode()
