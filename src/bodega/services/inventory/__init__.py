"""Inventory: what is in stock, and who holds it. The only place where units are promised.

Owns      stock, reservations, the ledger that explains every change of stock.
Promises  no unit is promised twice (a CHECK, not code); all lines of a reservation or none; no clock ends a
          reservation, only its checkout or its order does; the ledger's sum is the stock.
Emits     InventoryReserved, InventoryReleased, InventoryCommitted, InventoryAdjusted, InventoryShort: one per SKU.
Hears     catalog (updated, archived: rows for its SKUs), orders (paid: commit; cancelled: release or restock).
Asked by  checkout (reserve, release), cart and search (availability); shoppers and merchants.
"""
