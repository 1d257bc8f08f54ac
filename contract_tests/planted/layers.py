"""The layers of a check, in their order. They meet here, where the broken servers are that two of them need."""

from __future__ import annotations

from contract_tests.conformance.layer import Conformance
from contract_tests.judging.session import Layer
from contract_tests.laws.layer import Laws
from contract_tests.oracle.layer import FakeAsOracle
from contract_tests.planted import servers
from contract_tests.planted.power import Weighing

JUDGES: tuple[Layer, ...] = (Laws(), FakeAsOracle(servers))
"""Those that judge within one budget of requests: what planted bugs are measured with."""
LAYERS: tuple[Layer, ...] = (*JUDGES, Conformance(), Weighing())
