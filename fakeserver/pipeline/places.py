"""Where things are, as answers say it: nothing that a request says of itself leaves the place that it has in a URL."""

from __future__ import annotations

from urllib.parse import quote

from fakeserver import loopback
from fakeserver.pipeline.exchange import Request

PATH_CHARACTERS = "/:@!$&'()*+,;="
QUERY_CHARACTERS = PATH_CHARACTERS + "?%[]"
"""What stands in a path, decoded, and in a query, as it came, for itself."""
HOST_CHARACTERS = ":[]"
"""What stands in a host for itself, beside letters, digits, dots and dashes."""


def location_of(request: Request, path: str) -> str:
    """Another path of the same provider, with the query that came. It names no host, so that it holds behind a proxy
    that ends TLS or answers elsewhere."""
    query = b"?" + request.query if request.query else b""
    return quote(request.prefix + path, safe=PATH_CHARACTERS) + quote(query, safe=QUERY_CHARACTERS)


def base_url_of(request: Request) -> str:
    """Where the client found the provider. A body has no other way to say it than with a host: that of the request,
    which whoever sent it can reach."""
    if request.base_url:
        return request.base_url
    host = request.headers.get("host") or f"{loopback.NAME}:{loopback.PORT}"
    return f"{request.scheme}://{quote(host, safe=HOST_CHARACTERS)}{quote(request.prefix, safe=PATH_CHARACTERS)}"
