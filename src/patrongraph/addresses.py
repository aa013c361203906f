"""Addresses of clients: whom one stands for, and what stands for it where who asked from where is nobody's business."""

import hashlib
import hmac
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from patrongraph.settings import get_settings


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """Return whom an address stands for: itself, or of IPv6 the /64 that one subscriber has."""
    try:
        found = ip_address(address)
    except ValueError:
        return address  # a name that a proxy gave
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((int(found), 64), strict=False))
    return address


def digest(address: str) -> str:
    """Return a digest of whom an address stands for, keyed by the installation's secret; "" for no address."""
    if not address:
        return ""
    secret = get_settings().secret_key.get_secret_value().encode()
    return hmac.new(secret, b"address of a client\x00" + network(address).encode(), hashlib.sha256).hexdigest()[:32]
