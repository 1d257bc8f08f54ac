"""What is packed is read again, and what is not whole is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pyroaring import BitMap

from fakeserver.documents.packing import LONG, SHORT, Packed, Packing


def test_what_is_packed_is_read_again_and_nothing_less() -> None:
    packing = Packing()
    head: dict[str, Any] = {
        "short": packing.numbers(SHORT, [0, 2**32 - 1]),
        "long": packing.numbers(LONG, [-(2**63), 2**63 - 1]),
        "bitmap": packing.bitmap(BitMap((1, 2**31))),
        "json": packing.json({"a": [None, "ä"]}),
        "each": packing.each([b"", b"one", b""]),
        "none": packing.each([]),
    }
    whole = packing.whole(head)
    packed = Packed(whole)
    assert packed.head == head
    assert [*packed.numbers(SHORT, head["short"])] == [0, 2**32 - 1]
    assert [*packed.numbers(LONG, head["long"])] == [-(2**63), 2**63 - 1]
    assert packed.bitmap(head["bitmap"]) == BitMap((1, 2**31))
    assert packed.json(head["json"]) == {"a": [None, "ä"]}
    assert (packed.each(head["each"]), packed.each(head["none"])) == ([b"", b"one", b""], [])
    for cut in (b"", b"{}", whole[:20], whole[:-1]):
        with pytest.raises(ValueError, match="it is"):
            Packed(cut)
