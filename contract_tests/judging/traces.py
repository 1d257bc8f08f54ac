"""Hypothesis keeps files of its own; a check leaves none behind."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis.configuration import set_hypothesis_home_dir


@contextmanager
def no_traces() -> Iterator[None]:
    """Whatever Hypothesis writes in here goes to a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="contract-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)
