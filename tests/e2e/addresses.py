"""Every page of the console that is walked in both languages, both schemes and two widths: a page is a line here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """`path` may name what the demonstration library has.

    {patron} leads a family and has loans and debts; {job} is a purge and {import} an import, both of which wait.
    """

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
    Address("patron-new", "/patrons/new"),
    Address("patron-clone", "/patrons/new?cloneFrom={patron}"),
    Address("patron-loans", "/patrons/{patron}/loans"),
    Address("patron-loans-returned", "/patrons/{patron}/loans?state=CLOSED"),
    Address("patron-reservations", "/patrons/{patron}/reservations?state=ALL"),
    Address("patron-debts", "/patrons/{patron}/debts?state=ALL"),
    Address("patron-group", "/patrons/{patron}/group"),
    Address("patron-activity", "/patrons/{patron}/activity"),
    Address("patron-of-nobody", "/patrons/pat_999999999/data"),
    Address("purge", "/purge", in_docs=True),
    Address("purge-nobody", "/purge?q=nobody&size=200"),
    Address("jobs", "/jobs", in_docs=True),
    Address("job", "/jobs/{job}"),
    Address("job-of-nobody", "/jobs/job_999999999"),
    Address("import", "/imports/new", in_docs=True),
    Address("import-report", "/imports/{import}"),
    Address("import-of-nobody", "/imports/job_999999999"),
    Address("cohorts", "/cohorts"),
    Address("statistics", "/statistics?from=2020-01-01"),
    Address("statistics-split", "/statistics?from=2020-01-01&by=MATERIAL_TYPE&split=BRANCH"),
    Address("statistics-nothing", "/statistics?from=2001-01-01&to=2001-12-31"),
    Address("settings", "/settings", in_docs=True),
    Address("staff", "/staff", in_docs=True),
    Address("audit", "/audit", in_docs=True),
    Address("audit-nothing", "/audit?action=no.such"),
    Address("nothing-here", "/no/such/page"),
)
