# %% [markdown]
# # Loans of a year, read with a token
# Cells as editors and Jupyter (jupytext) know them; as a program it runs with Python alone:
# `PATRONGRAPH_API=http://127.0.0.1:8000 TOKEN=pg_… python loan_statistics.py`

# %%
import csv
import io
import json
import os
import urllib.parse
import urllib.request

API = os.environ["PATRONGRAPH_API"]
TOKEN = os.environ["TOKEN"]  # of a token that has REPORTS_VIEW and nothing else
FIRST, LAST = os.environ.get("FIRST", "2026-01-01"), os.environ.get("LAST", "2026-12-31")


def fetch(path, body=None):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(API + path, body, headers)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


# %% [markdown]
# ## By month and branch, as a table
# The address answers CSV; `utf-8-sig` takes the mark off that spreadsheets want.

# %%
asked = urllib.parse.urlencode({"from": FIRST, "to": LAST, "by": "MONTH,BRANCH"})
text = fetch(f"/statistics/loans.csv?{asked}").decode("utf-8-sig")
table = list(csv.DictReader(io.StringIO(text, newline="")))
for row in table:
    print(f"{row['month'][:7]}  {row['branch_name']:<30} {int(row['loans']):>8,}")

# %% [markdown]
# ## Which share came back, by material type
# The same numbers from the graph, where several questions go into one request.

# %%
QUERY = """
query($from: Date!, $to: Date!) {
  kinds: loanStatistics(from: $from, to: $to, by: [MATERIAL_TYPE]) { materialType loans returned averageDays }
  total: loanStatistics(from: $from, to: $to, by: []) { loans returned lost open }
}
"""
body = json.dumps({"query": QUERY, "variables": {"from": FIRST, "to": LAST}}).encode()
data = json.loads(fetch("/graphql", body))["data"]
for row in data["kinds"]:
    share = row["returned"] / row["loans"]
    print(f"{row['materialType'] or 'not known':<12} {share:>6.1%} came back, after {row['averageDays']} days")

# %% [markdown]
# ## The two agree

# %%
total = data["total"][0]["loans"]
assert total == sum(int(row["loans"]) for row in table) == sum(row["loans"] for row in data["kinds"])
print(f"{total:,} loans from {FIRST} to {LAST}")
