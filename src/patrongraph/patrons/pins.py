"""PINs are peppered with the server's secret, then hashed as passwords are: the one way to store and to check one."""

import hashlib
import hmac
import unicodedata
from collections.abc import Sequence

from patrongraph.settings import get_settings
from patrongraph.staff import passwords


async def hash_pin(pin: str) -> str:
    """Return what is stored of a PIN. Raises Refused (SIGN_IN_BUSY) when too many secrets wait to be hashed."""
    return await passwords.hash_secret(_peppered(pin))


async def verify_pins(pin: str, stored: Sequence[str], times: int) -> list[passwords.Verified]:
    """Compare a PIN with each of what is stored, at the cost of `times` comparisons however few there are.

    Ask the answers for `right`. Raises Refused when too many secrets wait to be hashed.
    """
    return await passwords.verify_each(stored, _peppered(pin), times)


def _peppered(pin: str) -> str:
    # Four digits are soon guessed from a stolen hash; without the pepper, which is in no table, they are not.
    secret = get_settings().secret_key.get_secret_value()
    if not secret:
        raise RuntimeError("a PIN cannot be hashed without PATRONGRAPH_SECRET_KEY")
    typed = unicodedata.normalize("NFC", pin).encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode("utf-8"), typed, hashlib.sha256).hexdigest()
