"""A certificate as a page for people to read and print: one file, no scripts, nothing fetched, two languages.

A file of its own because it turns the printed certificate into HTML, and reads nothing.
"""

import base64
import hashlib
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

LANGUAGES = ("en", "sv")

STYLE = """
body { font: 11pt/1.45 Georgia, 'Times New Roman', serif; color: #111; background: #fff; margin: 0 }
main { max-width: 42em; margin: 2.5em auto; padding: 0 1.5em }
.library { font-variant: small-caps; letter-spacing: .04em; margin: 0 }
h1 { font-size: 1.9em; margin: .1em 0 .6em; border-bottom: 2px solid #111; padding-bottom: .3em }
h2 { font-size: 1.15em; margin: 1.6em 0 .4em }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3em .6em .3em 0; border-bottom: 1px solid #bbb; vertical-align: top }
th[scope=row] { font-weight: normal; color: #444; width: 45% }
.n { text-align: right; font-variant-numeric: tabular-nums }
footer { margin-top: 2em; font-size: .85em; color: #333 }
code { overflow-wrap: anywhere; font-size: .95em }
tr { break-inside: avoid }
@page { margin: 20mm }
@media print { main { margin: 0; max-width: none; padding: 0 } }
"""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing but this page's own style, word for word."""

WORDS = {
    "en": {
        "title": "Certificate of erasure",
        "job_what": "This library has erased the patrons of one job, with all that was stored about them.",
        "patron_what": "This library has erased one patron, with all that was stored about them.",
        "job": "Job",
        "patron": "Number of the patron, which leads to nobody",
        "patrons": "Patrons erased",
        "statistics": "Loans kept as anonymous statistics",
        "firstErasedAt": "First erased",
        "lastErasedAt": "Last erased",
        "erasedAt": "Erased",
        "state": "State",
        "LIVE_ERASED": "Erased from the live data; not yet confirmed for the stored copies",
        "AT_REST_ERASED": "Erased from the live data and from the stored copies",
        "atRestAt": "Stored copies erased",
        "single": "none: the patron was deleted singly",
        "rows": "Rows erased",
        "table": "Table",
        "count": "Rows",
        "nothing": "The certificate holds no personal data, and may be kept as long as you like.",
        "printed": "Printed",
        "fingerprint": "Fingerprint",
        "check": "Printed again, as JSON too, it has the same fingerprint as long as nothing in it has changed.",
    },
    "sv": {
        "title": "Intyg om radering",
        "job_what": "Biblioteket har raderat låntagarna i ett jobb och allt som var lagrat om dem.",
        "patron_what": "Biblioteket har raderat en låntagare och allt som var lagrat om personen.",
        "job": "Jobb",
        "patron": "Låntagarens nummer, som inte längre leder till någon",
        "patrons": "Raderade låntagare",
        "statistics": "Lån som sparats som anonym statistik",
        "firstErasedAt": "Första raderingen",
        "lastErasedAt": "Senaste raderingen",
        "erasedAt": "Raderad",
        "state": "Läge",
        "LIVE_ERASED": "Raderad ur driftdata; ännu inte bekräftad för lagrade kopior",
        "AT_REST_ERASED": "Raderad ur driftdata och ur lagrade kopior",
        "atRestAt": "Lagrade kopior raderade",
        "single": "inget: låntagaren raderades enskilt",
        "rows": "Raderade rader",
        "table": "Tabell",
        "count": "Rader",
        "nothing": "Intyget innehåller inga personuppgifter och får sparas så länge ni vill.",
        "printed": "Utskrivet",
        "fingerprint": "Fingeravtryck",
        "check": "Utskrivet igen, även som JSON, har det samma fingeravtryck så länge inget i det har ändrats.",
    },
}

FACTS = ("job", "patron", "patrons", "erasedAt", "firstErasedAt", "lastErasedAt", "statistics", "state", "atRestAt")
_MOMENTS = ("erasedAt", "firstErasedAt", "lastErasedAt", "atRestAt")


def language(locale: str, accepted: str = "", chosen: str = "") -> str:
    """Return en or sv: what was chosen, else the library's locale, else what the browser would rather have, else en."""
    wishes = [chosen, locale, *(part.split(";")[0] for part in accepted[:200].split(","))]
    for wish in wishes:
        tag = wish.strip().lower().replace("_", "-").split("-")[0]
        if tag in LANGUAGES:
            return tag
    return "en"


def page(document: dict[str, Any], lang: str, printed_at: datetime) -> str:
    """Return the printed certificate as one HTML page in that language; `printed_at` is UTC, and not sealed."""
    words = WORDS[lang]
    return _template().render(
        lang=lang,
        title=words["title"],
        number=document.get("patron") or document["job"],
        library=document["library"]["name"],
        what=words[f"{document['about']}_what"],
        facts=[(words[name], _said(name, document[name], words)) for name in FACTS if _is_told(name, document)],
        rows=document["rows"].items(),
        words=words,
        printed=_moment(printed_at.isoformat()),
        fingerprint=document["fingerprint"],
        style=STYLE,
    )


def _is_told(name: str, document: dict[str, Any]) -> bool:
    return name in document and not (name == "atRestAt" and document[name] is None)


def _said(name: str, value: Any, words: dict[str, str]) -> str:
    if name in _MOMENTS:
        return _moment(value)
    if name == "state":
        return words[value]
    return words["single"] if value is None else str(value)


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("patrongraph.erasure"), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    return environment.get_template("certificate.html")
