"""The facts of lending: items, loans, reservations and the ledger."""
