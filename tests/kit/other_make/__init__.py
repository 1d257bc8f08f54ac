"""The four listings once more, as somebody else would make them: from the reference pages alone, with FastAPI and SQL.

`build.py` says which answers a server gives to what its page leaves open (`variants.yaml`), and which mistake it was
shipped with (`bugs.yaml`). Nothing here knows `fakeserver`, and only `measure.py` and the tests know the kit.
"""
