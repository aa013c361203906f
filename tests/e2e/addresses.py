"""Every page of the console that is walked in both languages, both schemes and two widths: a page is a line here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """`path` may name the demonstration library's {patron}, who leads a family, with loans and debts."""

    name: str
    path: str
    in_docs: bool = False
    """Whether `make screenshots` puts a picture of it into docs/images."""


ADDRESSES = (
    Address("start", "/", in_docs=True),
    Address("patrons", "/patrons", in_docs=True),
    Address("patrons-nobody", "/patrons?q=nobody&status=INACTIVE"),
    Address("patrons-filtered", "/patrons?status=INACTIVE&sort=NEWEST"),
    Address("patron", "/patrons/{patron}/data"),
    Address("patron-of-nobody", "/patrons/pat_999999999/data"),
    Address("cohorts", "/cohorts"),
    Address("statistics", "/statistics?from=2020-01-01"),
    Address("statistics-split", "/statistics?from=2020-01-01&by=MATERIAL_TYPE&split=BRANCH"),
    Address("statistics-nothing", "/statistics?from=2001-01-01&to=2001-12-31"),
    Address("settings", "/settings"),
    Address("staff", "/staff"),
    Address("audit", "/audit"),
    Address("audit-nothing", "/audit?action=no.such"),
    Address("nothing-here", "/no/such/page"),
)
