"""Persisted documents: a client names its document by the sha256 of the text, and a server may run no others."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from graphql import GraphQLError

from patrongraph.graph.errors import Answer, refuse
from patrongraph.settings import Settings

MANIFEST = "apollo-persisted-query-manifest"
_PREFIX = "sha256:"


class BadDocuments(ValueError):  # noqa: N818 - reads as what was given
    """The files of the setting cannot be used; says which, and what would be right."""


def sha256(text: str) -> str:
    """Return the sha256 of a text in UTF-8, 64 small hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain_id(document_id: str) -> str:
    """Return a document id without the prefix that says how it was made."""
    return document_id.removeprefix(_PREFIX)


class Documents:
    """The documents that this process knows, by their sha256, and whether they are the only ones."""

    def __init__(self, mode: str, by_hash: Mapping[str, str]) -> None:
        self._mode = mode
        self.by_hash = by_hash
        self._texts = frozenset(by_hash.values())

    def text(self, document_id: str) -> str | Answer:
        """Return the text of a document, or the refusal of an id that names none.

        The messages are the words that Apollo Client and urql look for; `advice` is for people.
        """
        if self._mode == "off":
            advice = "This server keeps no documents: send the text as query."
            return _refusal("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED", advice)
        found = self.by_hash.get(plain_id(document_id))
        if found is None:
            published = "publish the document with PATRONGRAPH_DOCUMENTS, for no other may run here."
            then = "send the text as query." if self._mode == "allowed" else published
            advice = f"No document of this server has that sha256: {then}"
            return _refusal("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND", advice)
        return found

    def refusal(self, text: str) -> Answer | None:
        """Return the refusal of a text that is none of the documents, where only these may run."""
        if self._mode != "only" or text in self._texts:
            return None
        message = "This server runs only the documents that were published with it (PATRONGRAPH_DOCUMENTS)."
        return _refusal(message, "QUERY_NOT_IN_SAFELIST", "Name one of them by documentId.")


def _refusal(message: str, code: str, advice: str) -> Answer:
    return refuse([GraphQLError(message, extensions={"advice": advice})], code)


def load(settings: Settings) -> Documents:
    """Return the documents of the settings, read now. Raises BadDocuments."""
    if settings.documents_mode == "off":
        return Documents("off", {})
    where = Path(settings.documents)
    files = sorted(where.glob("*.json")) if where.is_dir() else [where]
    by_hash: dict[str, str] = {}
    for file in files:
        for document_id, text in _read(file):
            if plain_id(document_id) != sha256(text):
                raise BadDocuments(
                    f"{file}: {document_id[:80]!r} is not the sha256 of its document. Have the generator use SHA-256 "
                    "(hashAlgorithm: 'sha256' in graphql-codegen, algorithm: 'SHA256' in Relay)."
                )
            by_hash[plain_id(document_id)] = text
    if not by_hash:
        raise BadDocuments(f"PATRONGRAPH_DOCUMENTS: {where} holds no documents; it is a JSON file or a folder of them.")
    return Documents(settings.documents_mode, by_hash)


def _read(file: Path) -> Iterator[tuple[str, str]]:
    try:
        content = orjson.loads(file.read_bytes())
    except OSError as error:
        raise BadDocuments(f"PATRONGRAPH_DOCUMENTS: {file} cannot be read: {error.strerror}.") from None
    except orjson.JSONDecodeError as error:
        raise BadDocuments(f"{file} is not valid JSON (line {error.lineno}, column {error.colno}).") from None
    for document_id, text in _pairs(content):
        if not isinstance(document_id, str) or not isinstance(text, str):
            raise BadDocuments(f'{file} must be {{"sha256": "text of the document", …}} or a manifest of Apollo\'s.')
        yield document_id, text


def _pairs(content: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(content, dict) and content.get("format") == MANIFEST:
        for one in content.get("operations") or [None]:
            yield (one.get("id"), one.get("body")) if isinstance(one, dict) else (None, None)
    elif isinstance(content, dict):
        yield from content.items()
    else:
        yield None, None
