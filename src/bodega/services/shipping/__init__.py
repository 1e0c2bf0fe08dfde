"""Shipping: what it costs to send something, what was sent, and where it is.

Owns      rates (zones, bands, days), shipments, their labels, their scans.
Promises  an order has one label at a time, whatever is lost or repeated; nothing is sent that was cancelled; no
          carrier can hold up a shopper: if it does not tell its price in time, that of the tables holds.
Emits     ShipmentCreated, ShipmentPickedUp, ShipmentDelivered.
Hears     orders (paid, cancelled).
Asks      orders (begin-fulfilment), the carrier (prices, labels).
Asked by  checkout (rates); shoppers, merchants, support; the carrier (scans).
"""
