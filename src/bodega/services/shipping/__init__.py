"""Shipping: what it costs to send something, what was sent, and where it is.

Owns      rates (zones, bands, days), shipments, their labels, their scans.
Promises  an order gets one label, whatever is lost or repeated; nothing is sent that was cancelled; what it
          charges for stands in tables, so no carrier can hold up a shopper.
Emits     ShipmentCreated, ShipmentDelivered.
Hears     orders (paid, cancelled).
Asks      orders (begin-fulfilment), the carrier (labels).
Asked by  checkout (rates); shoppers, merchants; the carrier (scans).
"""
