"""Database migrations, applied in the order of their names; once released, one is never changed.

A changed model needs a new migration; the contract tests fail until there is one, and print what Tortoise would
write. Two things it leaves to the author: the constraints of a new model (CreateModel drops them: AddConstraint),
and the SQL that a models module declares in BEFORE_TABLES and AFTER_TABLES (RunSQL).
"""
