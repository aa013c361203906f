"""The adversary stands at the desk and does everything that is in a purge's way, to the patrons whose turn is next.

Whatever it says, it says until it has an answer: verbs with an idempotency key are sent again with the same key, so
its journal holds exactly what the desk confirmed. Answers that a caller could not explain are kept as surprises.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.clients import Api
from tests.torture.ground import Observer

# Some patron that a running purge has still before it, not far away.
NEXT = """
SELECT patron_id FROM (
    SELECT item.id, patron_id FROM job_item item JOIN job ON job.id = item.job_id
    WHERE item.state = 'PENDING' AND job.state IN ('RUNNING', 'PAUSED') AND job.id = $1 ORDER BY item.id LIMIT 250
) AS soon ORDER BY md5(id::text || $2) LIMIT 2
"""

# One who waits out days of grace, and is named in the purge.
WAITING = """
SELECT patron_id FROM job_item item JOIN patron ON patron.id = item.patron_id
WHERE item.state = 'PENDING' AND item.job_id = $1 AND patron.status = 'PENDING_PURGE' ORDER BY item.id LIMIT 1
"""

MUTATION = (
    "mutation($input: {type}!) {{ found: {name}(input: $input) {{ __typename ... on Problem {{ code }} {more} }} }}"
)
INPUTS = {"deactivatePatrons": "PatronIdsInput", "reactivatePatrons": "PatronIdsInput", "pauseJob": "JobInput",
          "resumeJob": "JobInput", "cancelJob": "JobInput"}  # fmt: skip
KEYED = {"checkOut", "checkIn", "placeReservation", "cancelReservation", "chargeDebt", "payDebt", "editPatron",
         "purgePatrons", "exportPatronData", "exportPatrons", "deletePatron", "markLoansLost"}  # fmt: skip

LONGEST_SILENCE = 180
AWAY = {502, 503, 504}


@dataclass(slots=True)
class Desk:
    """Speaks GraphQL to an API that dies now and then; `surprises` counts answers that nobody should get."""

    api: Api
    label: str
    said: "Counter[str]" = field(default_factory=Counter)
    resent: int = 0
    surprises: "Counter[str]" = field(default_factory=Counter)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def say(self, name: str, more: str = "", **given: Any) -> dict[str, Any]:
        """Send a mutation until it is answered; return its __typename, its code when refused, and `more`."""
        if name in KEYED:
            given["idempotencyKey"] = f"{self.label}-{next(self.numbers)}"
        kind = INPUTS.get(name, f"{name[0].upper()}{name[1:]}Input")
        data = await self.ask(MUTATION.format(type=kind, name=name, more=more), {"input": given}, name)
        found: dict[str, Any] = data["found"] if data else {"__typename": "Surprise"}
        self.said[f"{name} {found.get('code', 'OK')}"] += 1
        return found

    async def ask(self, query: str, variables: dict[str, Any], name: str = "query") -> dict[str, Any] | None:
        """Send an operation until it is answered; None when the answer is none of those that may come."""
        end = asyncio.get_running_loop().time() + LONGEST_SILENCE
        while asyncio.get_running_loop().time() < end:
            try:
                response = await self.api.post(query, variables)
            except (httpx.TransportError, OSError):
                self.resent += 1
                await asyncio.sleep(0.1)
                continue
            if response.status_code in AWAY:
                self.resent += 1
                await asyncio.sleep(0.2)
                continue
            answer = response.json()
            codes = {error.get("extensions", {}).get("code") for error in answer.get("errors", ())}
            if codes & {"UNAVAILABLE"}:
                self.resent += 1
                await asyncio.sleep(0.2)
                continue
            if codes:
                self.surprises[f"{name}: {response.status_code} {sorted(map(str, codes))} {response.text[:300]}"] += 1
                return None
            data: dict[str, Any] = answer["data"]
            return data
        self.surprises[f"{name}: no answer in {LONGEST_SILENCE} s"] += 1
        return None


def confirmed(found: dict[str, Any]) -> bool:
    """Whether the desk said yes."""
    return found["__typename"].endswith(("Success", "Started"))


Act = tuple[int, str, int | None, bool]


@dataclass(slots=True)
class Adversary:
    """One at the desk, from `run` on until `stop` is set; `acts` is its journal.

    `desk_items`: barcode and id of items that nobody else lends; each is used once. `job`: the purge it follows.
    `purges`: ids of those that it has started itself, of one patron each.
    """

    desk: Desk
    look: Observer
    chance: random.Random
    desk_items: "itertools.cycle[tuple[str, int]]"
    job: int
    pause: float
    acts: list[Act] = field(default_factory=list)
    purges: list[int] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Do one thing after the other; what is begun is brought to its end."""
        plays: list[tuple[int, Callable[[int, int], Awaitable[None]]]] = [
            (4, self.lend), (4, self.charge), (3, self.reserve), (2, self.protect), (2, self.move), (1, self.restore),
            (2, self.activate), (1, self.export), (1, self.delete), (2, self.lose),
        ]  # fmt: skip
        weights = [weight for weight, _ in plays]
        while not self.stop.is_set():
            soon = [row["patron_id"] for row in await self.look.fetch(NEXT, self.job, str(self.chance.random()))]
            if soon:
                [(_, play)] = self.chance.choices(plays, weights)
                await play(soon[0], soon[-1])
            await asyncio.sleep(self.pause if soon else 0.5)

    def note(self, patron: int, verb: str, item: int | None, found: dict[str, Any]) -> bool:
        """Write an act down; return whether it was confirmed."""
        ok = confirmed(found)
        self.acts.append((patron, verb, item, ok))
        return ok

    async def _in_use(self, patron: int) -> None:
        self.note(patron, "ACTIVATE", None, await self.desk.say("reactivatePatrons", patronIds=[f"pat_{patron}"]))

    async def _out_of_use(self, patron: int) -> None:
        await self.desk.say("deactivatePatrons", patronIds=[f"pat_{patron}"])

    async def activate(self, patron: int, _: int) -> None:
        """Take a patron into use; half of the time out of it again."""
        await self._in_use(patron)
        if self.chance.random() < 0.5:
            await self._out_of_use(patron)

    async def _lend(self, patron: int) -> tuple[str, int, dict[str, Any]]:
        await self._in_use(patron)
        barcode, item = next(self.desk_items)
        found = await self.desk.say(
            "checkOut", "... on CheckOutSuccess { loan { id } }", patron={"id": f"pat_{patron}"}, itemBarcode=barcode
        )
        self.note(patron, "LEND", item, found)
        await self._out_of_use(patron)
        return barcode, item, found

    async def lend(self, patron: int, _: int) -> None:
        """Lend an item; sometimes take it back at once."""
        barcode, item, lent = await self._lend(patron)
        if confirmed(lent) and self.chance.random() < 0.6:
            self.note(patron, "RETURN", item, await self.desk.say("checkIn", itemBarcode=barcode))

    async def lose(self, patron: int, _: int) -> None:
        """Lend an item, mark it as lost and purge its patron together with it."""
        _, item, lent = await self._lend(patron)
        if not lent.get("loan"):
            return
        found = await self.desk.say(
            "markLoansLost", "... on MarkLoansLostSuccess { job { id } }",
            patronId=f"pat_{patron}", loanIds=[lent["loan"]["id"]], dryRun=False, purge=True,
        )  # fmt: skip
        if self.note(patron, "LOSE", item, found):
            self.purges.append(int(found["job"]["id"].removeprefix("job_")))

    async def delete(self, patron: int, _: int) -> None:
        """Delete a patron by the desk's own road, confirmed by what was shown."""
        named = {"patronId": f"pat_{patron}"}
        shown = await self.desk.say("deletePatron", "... on DeletePatronPreview { confirmationToken }", **named)
        if token := shown.get("confirmationToken"):
            found = await self.desk.say("deletePatron", confirmationToken=token, **named)
            self.note(patron, "DELETE", None, found)

    async def reserve(self, patron: int, _: int) -> None:
        """Reserve an item; sometimes cancel that."""
        await self._in_use(patron)
        barcode, item = next(self.desk_items)
        found = await self.desk.say(
            "placeReservation", "... on PlaceReservationSuccess { reservation { id } }",
            patron={"id": f"pat_{patron}"}, itemBarcode=barcode,
        )  # fmt: skip
        reserved = self.note(patron, "RESERVE", item, found)
        await self._out_of_use(patron)
        if reserved and self.chance.random() < 0.6:
            cancelled = await self.desk.say("cancelReservation", reservationId=found["reservation"]["id"])
            self.note(patron, "CANCEL", item, cancelled)

    async def charge(self, patron: int, _: int) -> None:
        """Charge 25; sometimes take the money at once."""
        found = await self.desk.say(
            "chargeDebt", "... on ChargeDebtSuccess { debt { id } }",
            patronId=f"pat_{patron}", amount="25.00", reason="torture",
        )  # fmt: skip
        debt = (found.get("debt") or {}).get("id")
        number = int(debt.removeprefix("debt_")) if debt else None
        if self.note(patron, "CHARGE", number, found) and debt and self.chance.random() < 0.6:
            paid = await self.desk.say("payDebt", patronId=f"pat_{patron}", amount="25.00", debtId=debt)
            self.note(patron, "PAY", number, paid)

    async def protect(self, patron: int, _: int) -> None:
        """Protect a patron; sometimes release."""
        for verb in ("PROTECT", "RELEASE")[: 1 + (self.chance.random() < 0.4)]:
            found = await self.desk.ask(
                "query($id: ID!) { patron(by: {id: $id}) { version } }", {"id": f"pat_{patron}"}
            )
            if not found or not found["patron"]:
                return
            section = {"library": {"protected": verb == "PROTECT"}}
            self.note(patron, verb, None, await self.desk.say(
                "editPatron", id=f"pat_{patron}", version=found["patron"]["version"], section=section,
            ))  # fmt: skip

    async def move(self, patron: int, other: int) -> None:
        """Put a patron into another's group, who may be purged meanwhile."""
        found = await self.desk.say(
            "moveToGroup", patronIds=[f"pat_{patron}"], into={"memberBarcode": f"card-{other}"}, confirm=True
        )
        self.note(patron, "MOVE", None, found)
        self.note(other, "MOVE", None, found)

    async def restore(self, patron: int, _: int) -> None:
        """Take a patron off the waiting list of the days of grace, if one is among those to come."""
        waiting = await self.look.value(WAITING, self.job)
        patron = patron if waiting is None else waiting
        found = await self.desk.say("restorePatron", patronId=f"pat_{patron}")
        self.note(patron, "ACTIVATE", None, found)

    async def export(self, patron: int, _: int) -> None:
        """Ask for a patron's data."""
        found = await self.desk.say("exportPatronData", patronId=f"pat_{patron}", format="JSON")
        self.note(patron, "EXPORT", None, found)
