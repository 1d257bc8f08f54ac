"""What each provider's pages promise about its listing, written down once more from the pages.

This is an independent statement: nothing here knows how the fake does it. A promise about a filter is a predicate on
one row; a promise about pages is a style with its limits.
"""

from __future__ import annotations

from contract_tests.promises.dreadnode import DREADNODE
from contract_tests.promises.form import Listing
from contract_tests.promises.instavm import INSTAVM
from contract_tests.promises.prime import PRIME
from contract_tests.promises.superserve import SUPERSERVE

LISTINGS: dict[str, Listing] = {each.slug: each for each in (DREADNODE, INSTAVM, PRIME, SUPERSERVE)}
