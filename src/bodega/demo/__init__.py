"""The demo shop: a small general store with its catalogue, its pictures and its first customer.

Owns `catalogue/` (one file per category: a new file or product is picked up by itself), `drawings/` (the illustrations,
made by code for this project) and the seeding, which works through the public API like any other merchant's client.
Promises: the same shop on every machine; seeding twice changes nothing, and seeding after a kill finishes the work.
"""
