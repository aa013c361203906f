"""Object stores through obstore: S3 and what speaks like it, Google Cloud Storage, Azure.

A module of its own because the library behind it takes memory in every process, and most have no bucket.
Credentials and endpoint come from the environment, as obstore reads them (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL …).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, from_url

from patrongraph.storage import StorageError

if TYPE_CHECKING:  # obstore says these types to type checkers only
    from obstore.store import RetryConfig

__all__ = ["ObjectStore", "backend", "network"]


@contextmanager
def network() -> Iterator[None]:
    """Say what a store's error means: its own text holds addresses and the store's XML."""
    try:
        yield
    except FileNotFoundError:
        raise StorageError("the object store has no such bucket or file") from None
    except (PermissionDeniedError, UnauthenticatedError, PermissionError):
        raise StorageError("the object store refuses the credentials") from None
    except (BaseError, OSError, ValueError) as error:
        raise StorageError(f"the object store does not answer as it should ({type(error).__name__})") from None


def backend(url: str, *, retries: int, seconds: int) -> ObjectStore:
    """Return the store at an address, its prefix included, that gives up after so many retries or seconds."""
    with network():
        # Client options given here would hide those of the environment, AWS_ALLOW_HTTP among them.
        limits: RetryConfig = {"max_retries": retries, "retry_timeout": timedelta(seconds=seconds)}
        made: ObjectStore = from_url(url, retry_config=limits)
        return made
