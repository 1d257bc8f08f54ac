"""Files of JSON that a user names: read as far as a bound, and whatever is wrong with one is a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_json(path: Path, most: int, error: type[ValueError]) -> Any:
    """The value in a file of at most so many bytes; otherwise `error`, whose message is one sentence."""
    try:
        size = path.stat().st_size
        value = json.loads(path.read_bytes()) if size <= most else None
    except OSError as reason:
        raise error(f"{path}: {reason.strerror}") from None
    except (ValueError, RecursionError):
        raise error(f"{path} is not JSON") from None
    if size > most:
        raise error(f"{path} has more than {most} bytes")
    return value
