"""PINs are peppered with the server's secret, then hashed as passwords are: the one way to store and to check one."""

import hashlib
import hmac
import unicodedata

from patrongraph.settings import get_settings
from patrongraph.staff import passwords


async def hash_pin(pin: str) -> str:
    """Return what is stored of a PIN. Raises Refused (SIGN_IN_BUSY) when too many secrets wait to be hashed."""
    return await passwords.hash_secret(_peppered(pin))


async def verify_pin(pin: str, stored: str | None) -> passwords.Verified:
    """Compare a PIN with what is stored; None costs the same work and is never right.

    Ask the answer for `right`. Raises Refused when too many secrets wait to be hashed.
    """
    return await passwords.verify_secret(stored, _peppered(pin))


def _peppered(pin: str) -> str:
    # Four digits are soon guessed from a stolen hash; without the pepper, which is in no table, they are not.
    secret = get_settings().secret_key.get_secret_value()
    if not secret:
        raise RuntimeError("a PIN cannot be hashed without PATRONGRAPH_SECRET_KEY")
    typed = unicodedata.normalize("NFC", pin).encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode("utf-8"), typed, hashlib.sha256).hexdigest()
