"""Logs are JSON lines of ids, names and places: never a value, a query text or the words of an exception."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import orjson

_PACKAGE = Path(__file__).resolve().parent
_DOOR = _PACKAGE / "db.py"

# Loggers whose messages are ours, or fixed texts with ports and process ids. Of any other only the name is
# written: their messages quote SQL, arguments and exceptions. The server's are fixed texts from INFO on; below, it
# writes down every frame of every socket, with headers and payloads.
_SERVER = frozenset({"uvicorn", "uvicorn.error"})
_SILENT = ("uvicorn.access", "strawberry.execution", "tortoise", "tortoise.db_client", "websockets", "python_multipart")
_FIELDS = ("request_id", "job_id", "actor", "library_id", "status", "code", "error", "where")


def location(error: BaseException) -> str:
    """Return where an exception came from: the innermost line of this package, else the innermost of all.

    Every statement goes through the door to the database, so it is told only when nothing else of ours called it.
    """
    frames = traceback.extract_tb(error.__traceback__)[::-1]
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    callers = [frame for frame in ours if Path(frame.filename) != _DOOR]
    for frame in (callers or ours)[:1]:
        return f"{Path(frame.filename).relative_to(_PACKAGE.parent)}:{frame.lineno} {frame.name}"
    return f"{Path(frames[0].filename).name}:{frames[0].lineno} {frames[0].name}" if frames else ""


def fault(logger: logging.Logger, error: BaseException, **ids: object) -> None:
    """Log an unexpected exception by class and place, with ids; its text may hold personal data: left out."""
    logger.error("unexpected error", extra={"error": type(error).__name__, "where": location(error), **ids})


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an attached exception is reduced to its class and place."""
        of_server = record.name in _SERVER and record.levelno >= logging.INFO
        trusted = of_server or record.name == "patrongraph" or record.name.startswith("patrongraph.")
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage().strip() if trusted else f"a message of {record.name}, not shown",
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["where"] = location(record.exc_info[1])
        for name in _FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = value
        return orjson.dumps(line, default=str).decode()


def _without_addresses(record: logging.LogRecord) -> bool:
    # The server writes the address of every socket, with its query string.
    return not str(record.msg).startswith('%s - "WebSocket')


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log of the process to stream (standard error) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(_without_addresses)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _SILENT:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).setLevel(logging.CRITICAL)
