"""Every law of one provider as one test; see `contract_tests.plugin` for the options."""

from __future__ import annotations

from typing import Protocol

import pytest

from contract_tests.judging.law import Law
from contract_tests.laws import laws_for


class Contract(Protocol):
    """The fixture of `contract_tests.plugin`."""

    def hold(self, law: Law) -> None: ...


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    slug = metafunc.config.getoption("contract_provider", None)
    if slug is None:
        nobody = pytest.mark.skip("no deployment to check: --provider, --base-url and --token name one")
        metafunc.parametrize("law", [pytest.param(None, id="none", marks=nobody)])
    else:
        laws = laws_for(slug)
        metafunc.parametrize("law", laws, ids=[each.name for each in laws])


def test_law(law: Law, contract: Contract) -> None:
    """The law holds on the deployment, or could not be exercised."""
    contract.hold(law)
