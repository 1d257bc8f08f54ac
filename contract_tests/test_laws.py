"""Every law of one provider as one test; see `contract_tests.plugin` for the options."""

from __future__ import annotations

import pytest

from contract_tests.judging.check import Law
from contract_tests.laws import laws_for
from contract_tests.plugin import Contract


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    slug = metafunc.config.getoption("--provider", None)
    laws = laws_for(slug) if slug else []
    metafunc.parametrize("law", laws, ids=[each.name for each in laws])


def test_law(law: Law, contract: Contract) -> None:
    """The law holds on the deployment, or could not be exercised."""
    contract.hold(law)
