"""The world's certificates, read once by whoever imports this. Every httpx client would read them
anew, for 50 ms of CPU; the tests make thousands, nearly all for plain HTTP on this machine."""

from __future__ import annotations

from functools import cache

import httpx
from httpx._transports import default as transports

transports.create_ssl_context = cache(httpx.create_ssl_context)
for honours_proxies in (True, False):
    transports.create_ssl_context(verify=True, cert=None, trust_env=honours_proxies)
