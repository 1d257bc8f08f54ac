"""`python -m tests.clients.alone MODULE FUNCTION ARGUMENT…`: call an SDK's command line, kept to this machine."""

from __future__ import annotations

import importlib
import sys

from tests.clients.loopback import Setattr, stay_here

if __name__ == "__main__":
    module, function = sys.argv[1:3]
    sys.argv = [module, *sys.argv[3:]]
    keep: Setattr = setattr
    stay_here(keep)
    getattr(importlib.import_module(module), function)()
