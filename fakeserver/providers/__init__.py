"""The providers that are served. A new one is a module beside these and a name in this list."""

from fakeserver.provider import Provider
from fakeserver.providers import dreadnode, instavm, prime, superserve

PROVIDERS: dict[str, Provider] = {
    each.slug: each for each in (dreadnode.PROVIDER, instavm.PROVIDER, prime.PROVIDER, superserve.PROVIDER)
}
