"""The demo shop: a small general store with its catalogue, its pictures, its customers and what they have bought.

Owns `catalogue/` (one file per category: a new file or product is picked up by itself), `drawings/` (the illustrations,
made by code for this project), `people.py` and the seeding; `api.py` are the public doors that they use, like any other
client. Promises: the same shop on every machine; seeding twice changes nothing, and seeding after a kill finishes the
work.
"""
