"""`python -m tests.clients.alone MODULE FUNCTION`: an SDK's command line, kept to this machine.

Each line of stdin is a call: its arguments, and the files for what it prints to stdout and stderr. Each line of stdout
is its exit code. A call has a process of its own, forked where the SDK is imported, for that takes most of the time.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable

from tests.clients.loopback import Setattr, stay_here


def call(function: Callable[[], object], words: list[str], out: str, err: str) -> int:
    """The exit code of the command line with these arguments."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code: object = 1
    try:
        for number, path in enumerate((os.devnull, out, err)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
        sys.argv[1:] = words
        function()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    module, function = sys.argv[1:]
    keep: Setattr = setattr
    stay_here(keep)
    sys.argv[:] = [module]
    found = getattr(importlib.import_module(module), function)
    for line in sys.stdin:
        print(call(found, *json.loads(line)), flush=True)
