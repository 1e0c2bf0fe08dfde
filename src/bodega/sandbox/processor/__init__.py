"""The card processor: Stripe's API as the official SDK speaks it, with a ledger of its own.

`machine` holds the rules of money, pure; `store` keeps the objects; `shapes` writes them as Stripe does;
`params` reads requests; `idempotency` remembers answers; `cards` lists the test cards; `api` ties them together;
`pages` is what a shopper's browser sees of it (the 3-D Secure challenge).
"""

API_VERSION = "2026-10-28.endive"
"""The version of Stripe's API that answers and events are written in: the one that the pinned SDK asks for."""
