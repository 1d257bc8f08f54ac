"""What holds for every provider alike, stated once with its source: HTTP, JSON, and what a list is."""

from __future__ import annotations

from typing import Final

from contract_tests.promises.statements import Statement

A_LIST: Final = "what a list is"
A_SECRET: Final = "what a credential is for"
A_SERVER: Final = "what a client may rely on"

STATUS = Statement("A request that is allowed is answered with 200.", source="RFC 9110, 15.3.1")
SERVED = Statement("No request that a client can write makes the server fail twice in a row.", source="RFC 9110, 15.6")
STRICT_JSON = Statement("A body is strict JSON.", source="RFC 8259")
MEDIA_TYPE = Statement("JSON is sent as application/json.", source="RFC 8259, 11")
UNIQUE = Statement("No sandbox occurs twice in one list.", source=A_LIST)
SAME = Statement("A sandbox that does not change looks the same in every list that shows it.", source=A_LIST)
KNOWN = Statement("Sandboxes that are known to exist are in a list that their owner may read.", source=A_LIST)
REPEATABLE = Statement("Expected: the same request is answered alike, as long as nothing changes.", source=A_SERVER)
ONE_ORDER = Statement("One request has one order, whichever it is.", source=A_SERVER)
OWN_LISTS = Statement("Expected: a user is shown all or none of another's sandboxes.")
OWN_ANSWERS = Statement("What a caller asks is answered from what that caller may see.", source=A_SECRET)
APART = Statement("Requests that are under way at the same time do not mix.", source=A_SERVER)
ENCODING = Statement("Percent-encoding carries no meaning.", source="RFC 3986, 2.4; URL, 5.1")
WHITE_SPACE = Statement(
    "White space, escapes and the order of names in a JSON text carry no meaning.", source="RFC 8259"
)
REQUIRED = Statement("Without a good credential nothing is shown.", source=A_SECRET)
KEY_ALONE = Statement("Assumed: a key is the whole header; behind a scheme it is another text.")
TENANCY = Statement("Nobody is shown the sandboxes of a caller whom they share nothing with.", source=A_SECRET)
UNECHOED = Statement("No answer repeats the credential that came with the question.", source=A_SECRET)

HEAD = Statement("Expected: HEAD is answered like GET, without a body.", source="RFC 9110, 9.3.2")
VALIDATORS = Statement(
    "Expected: If-None-Match is answered with 304 for the current tag only.", source="RFC 9110, 13.1.2"
)
PRIVATE = Statement("Expected: no answer to an authenticated caller may be cached for all.", source="RFC 9111, 3.5")
LEAKS = Statement("Expected: an error does not show the server's inside.", source="CWE-209")
UNDECLARED = Statement("Expected: rows and what stands around them have no field that the page does not show.")
UNDOCUMENTED = Statement("Expected: a refusal has a status and a form that the page or our spec documents.")
NO_LEAK_BY_ORDER = Statement("Expected: who is not let in learns nothing else about the request.", source="CWE-209")
EMPTY_TEXT = Statement(
    "Assumed: an empty text is refused where it is no value, and filters nothing where it may be none."
)
DIGITS = Statement("Assumed: a whole number is written in digits, and no other spelling of it is taken.")
FAR_PAGES = Statement("Assumed: a number is served as far as an int32 goes.")
BOTH_NAMED = Statement("Assumed: a refusal names every parameter at fault, not only the first.")
BUCKET_NAMES = Statement(
    "Assumed: a bucket shows all that its rows show of its value, and no list of buckets is left out."
)
OPAQUE = Statement("Noted: a cursor does not show how it is made.")
