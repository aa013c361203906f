"""Failed sign-ins of one address, and of all, make the next ones wait; whoever they are for, and in every process."""

import asyncio
import re
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.fixtures_api import serving
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.addresses import digest
from patrongraph.problems import Refused
from patrongraph.settings import Settings, use_settings
from patrongraph.staff import actions, throttle

from .conftest import PASSWORD, PIN, SIGN_IN_PATRON, browsing, found, more_staff, sign_in

FAILED, THROTTLED, DONE = "SignInFailed", "SignInThrottled", "SignInSuccess"


async def kind(url: str, username: str = "anna", password: str = PASSWORD, address: str = "198.51.100.7") -> str:
    """What a sign-in from an address gets; the tests come from 127.0.0.1, where the API trusts a proxy."""
    async with browsing(url, x_forwarded_for=address) as browser:
        return str((await sign_in(browser, username, password))["__typename"])


async def patron_kind(url: str, barcode: str, pin: str = PIN, address: str = "198.51.100.7") -> str:
    async with browsing(url, x_forwarded_for=address) as browser:
        answer = await found(browser, SIGN_IN_PATRON, {"u": barcode, "p": pin, "l": None})
        return str(answer["__typename"])


async def test_an_address_waits_after_its_failures_in_every_process(
    settings: Settings, tmp_path: Path, town: Town, anna: int, patron: int, valkey: Redis
) -> None:
    await more_staff(town, "ben", "cleo")
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(serving(settings, tmp_path / name, sign_in_failures_per_address=3)) for name in "ab"
        )
        # The right password counts for nothing, however often.
        for _ in range(4):
            assert await kind(one) == DONE
        assert await kind(one, "ben", "wrong") == FAILED
        assert await patron_kind(two, f"B{patron}", "0000") == FAILED  # staff and patrons count together
        assert await kind(two) == DONE
        assert await kind(two, "nobody", "wrong") == FAILED
        async with nothing_changes():  # and no account is looked at, so none is locked
            for url in (one, two):
                assert await kind(url) == THROTTLED
                assert await kind(url, "cleo", "wrong") == THROTTLED
                assert await kind(url, "nobody", "wrong") == THROTTLED
                assert await patron_kind(url, f"B{patron}") == THROTTLED
            async with browsing(one, x_forwarded_for="198.51.100.7") as browser:
                said = await sign_in(browser)
        wait = said["retryAfterSeconds"]
        assert 0 < wait <= 900
        assert said["code"] == "SIGN_IN_THROTTLED"
        assert re.fullmatch(
            r"Too many sign-ins from your address have failed\. Try again in \d+ (minutes|seconds)\.", said["message"]
        )
        # Another address is another matter, and so is what the client itself says before its proxy speaks.
        assert await kind(two, address="198.51.100.8") == DONE
        assert await kind(two, address="198.51.100.8, 198.51.100.7") == THROTTLED
        assert await kind(two, address="198.51.100.7, 198.51.100.8") == DONE
        # When the time is over it starts from nothing.
        for key in await valkey.keys("*:sign-in:failed:*"):
            await valkey.pexpire(key, 1)
        await asyncio.sleep(0.01)
        assert await kind(one) == DONE


async def test_what_is_kept_runs_out_and_names_no_address(
    settings: Settings, log: Path, anna: int, valkey: Redis
) -> None:
    with serving(settings, log) as url:
        assert await kind(url) == DONE
        assert await kind(url, password="wrong") == FAILED
    keys = sorted(key.decode() for key in await valkey.keys("*sign-in*"))
    here = digest("198.51.100.7")
    assert re.fullmatch("[0-9a-f]{32}", here)
    assert keys == [
        f"patrongraph:sign-in:failed:{here}",
        "patrongraph:sign-in:failed:all",
        f"patrongraph:sign-in:known:{here}",
    ]
    for key, seconds in zip(keys, (900, 900, 14 * 86_400), strict=True):
        assert 0 < await valkey.ttl(key) <= seconds
        assert await valkey.get(key) == b"1"
    assert "198.51.100" not in log.read_text()


async def test_when_all_addresses_fail_those_of_staff_are_let_in(
    settings: Settings, log: Path, anna: int, patron: int
) -> None:
    with serving(settings, log, sign_in_failures=5) as url:
        assert await kind(url, address="203.0.113.1") == DONE  # the desk
        assert await patron_kind(url, f"B{patron}", address="203.0.113.2") == "SignInPatronSuccess"
        for n in range(5):
            assert await kind(url, f"nobody{n}", "wrong", f"192.0.2.{n}") == FAILED
        async with nothing_changes():
            assert await kind(url, address="203.0.113.3") == THROTTLED
            assert await patron_kind(url, f"B{patron}", address="203.0.113.2") == THROTTLED
            async with browsing(url, x_forwarded_for="203.0.113.3") as browser:
                assert (await sign_in(browser))["message"].startswith(
                    "Too many sign-ins are failing everywhere, so only addresses from which staff have signed in before"
                    " are let in. Try again in "
                )
        assert await kind(url, address="203.0.113.1") == DONE
        assert await patron_kind(url, f"B{patron}", address="203.0.113.1") == "SignInPatronSuccess"


async def test_guesses_side_by_side_do_not_run_past_it(settings: Settings, log: Path, town: Town) -> None:
    with serving(settings, log, sign_in_failures_per_address=3) as url:
        kinds = await asyncio.gather(*(kind(url, f"nobody{n}", "wrong") for n in range(30)))
    assert set(kinds) == {FAILED, THROTTLED}
    # At most three that had begun when the third failed.
    assert kinds.count(FAILED) <= 3 + throttle.AT_ONCE - 1


async def test_without_valkey_each_process_counts_for_itself(settings: Settings, tmp_path: Path, anna: int) -> None:
    away = {"sign_in_failures_per_address": 2, "redis_url": "redis://127.0.0.1:1/0"}
    with ExitStack() as stack:
        one, two = (stack.enter_context(serving(settings, tmp_path / name, **away)) for name in "ab")  # type: ignore[arg-type]
        for name in ("nobody", "somebody"):
            assert await kind(one, name, "wrong") == FAILED
        assert await kind(one) == THROTTLED
        assert await kind(one, address="198.51.100.8") == DONE
        assert await kind(two) == DONE
    assert "failed sign-ins are counted in this process alone" in (tmp_path / "a").read_text()


async def test_only_a_proxy_says_where_somebody_is(
    settings: Settings, log: Path, anna: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "203.0.113.9")  # so not 127.0.0.1, where this test is
    with serving(settings, log, sign_in_failures_per_address=2) as url:
        for n in range(2):
            assert await kind(url, "nobody", "wrong", f"192.0.2.{n}") == FAILED
        assert await kind(url, address="192.0.2.7") == THROTTLED


def test_a_household_is_one_address(settings: Settings) -> None:
    assert digest("2001:db8:1:2::1") == throttle.digest("2001:db8:1:2:ffff::9")
    assert digest("2001:db8:1:2::1") != throttle.digest("2001:db8:1:3::1")
    assert digest("::ffff:192.0.2.1") == throttle.digest("192.0.2.1")
    assert digest("192.0.2.1") != throttle.digest("192.0.2.2")
    assert digest("a name") != throttle.digest("another")
    assert digest("") == ""


async def refusal(address: str = "192.0.2.1") -> Any:
    with pytest.raises(Refused) as refused:
        await actions.sign_in("nobody", "wrong", None, address=address)
    return refused.value.problem.code.value


async def test_limits_can_be_taken_away_one_by_one(settings: Settings, database: ModuleType, town: Town) -> None:
    none, here, everywhere = ((0, 0), (2, 0), (0, 2))
    wanted = {none: ["SIGN_IN_FAILED"] * 2, here: ["SIGN_IN_THROTTLED", "SIGN_IN_FAILED"],
              everywhere: ["SIGN_IN_THROTTLED"] * 2}  # fmt: skip
    try:
        for (per_address, in_all), codes in wanted.items():
            throttle.share(None)
            use_settings(
                settings.model_copy(update={"sign_in_failures_per_address": per_address, "sign_in_failures": in_all})
            )
            assert [await refusal(), await refusal()] == ["SIGN_IN_FAILED"] * 2
            assert [await refusal(), await refusal("192.0.2.2")] == codes
    finally:
        use_settings(settings)
    assert await db.value("SELECT count(*) FROM session") == 0
