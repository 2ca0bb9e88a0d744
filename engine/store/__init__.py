"""The run directory: the only code that builds its paths, opens its databases or judges whether its engine lives.

The engine writes `run.db` through `Ledger` (one connection, ever); everyone else reads it through `Reader`.
Operators write `control.db` through `Outbox`, the engine reads it through `Inbox`.
Importing any of it costs no pydantic, yaml or numpy.
"""
