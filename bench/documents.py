"""The five questions of the read workloads, as front ends ask them."""

Q1 = """query Card($barcode: String!) {
  patron(by: {barcode: $barcode}) {
    id barcode username firstName lastName email phone category status expiresOn
  }
}"""

Q2 = """query Detail($barcode: String!) {
  patron(by: {barcode: $barcode}) {
    id barcode firstName lastName status
    loans(first: 10, state: null) { edges { node { id checkedOutAt dueAt returnedAt item { title barcode } } } }
    debts(first: 10) { edges { node { id amount outstanding reason } } }
    blocks(first: 10) { edges { node { id comment placedAt } } }
    group {
      id
      members(first: 10) {
        edges { node { lead patron { id displayName openLoanCount overdueLoanCount debtTotal } } }
      }
    }
  }
}"""

Q3 = """query Totals($after: String) {
  patrons(first: 100, after: $after) {
    edges { node { id barcode firstName lastName
      group { id totals { openLoans overdueLoans lostLoans reservations debt } } } }
    pageInfo { hasNextPage endCursor }
  }
}"""

Q4 = """query Search($text: String!) {
  patrons(first: 50, search: $text) {
    edges { node { id barcode firstName lastName dateOfBirth status } }
    pageInfo { hasNextPage endCursor }
  }
}"""

Q5 = """query Report($after: String) {
  patrons(first: 1000, after: $after) {
    edges { node {
      id externalId username firstName lastName dateOfBirth email phone category registeredAt expiresOn status
    } }
    pageInfo { hasNextPage endCursor }
  }
}"""

# Name → what it is, and its document.
ALL = {
    "q1": ("patron by barcode, 10 fields", Q1),
    "q2": ("detail graph with loans, debts, blocks and group", Q2),
    "q3": ("100 patrons with group totals", Q3),
    "q4": ("search by beginning of the name, first 50", Q4),
    "q5": ("1,000 patrons, 12 fields", Q5),
}
