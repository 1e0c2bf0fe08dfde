"""The world outside, for a shop that has none yet: one process that stands in for every third party.

Owns: a card processor that speaks Stripe's API, a parcel carrier, a mailbox (SMTP) and an SMS gateway.
Promises: what it has acknowledged survives its death; money is never taken or given back twice; webhooks
are signed and sent until they are answered; it misbehaves exactly as told (`POST /sandbox/faults`).
Talks to the shop by webhooks alone. No service imports it, and it imports nothing of the shop.
"""
