"""Providers driven at random against plain models of them: sandboxes in a dictionary, a few lines on their states.

`python -m benchmarks.lives --steps 1000000` drives all of them for so many steps.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.lives.dreadnode import Dreadnode
from tests.support.lives.instavm import Instavm
from tests.support.lives.model import Provider
from tests.support.lives.prime import Prime
from tests.support.lives.superserve import Superserve

PROVIDERS: Mapping[str, type[Provider]] = {each.slug: each for each in (Dreadnode, Instavm, Prime, Superserve)}
