"""Payments: money asked for, promised, taken and given back, by a card processor. It never sees a card.

Owns      payments, refunds, the verdict of each order on its money, the ledger, what the sweep found.
Promises  no order is charged twice; nothing is captured that the order has not accepted; an outcome that is not
          known is asked for until it is; captured <= authorised, refunded <= captured.
Emits     PaymentAuthorized, PaymentFailed, PaymentCaptured, PaymentCaptureFailed, PaymentRefunded, PaymentVoided.
Hears     orders (paid: capture; cancelled: void or refund), shipping (created: capture, where the shop waits for it);
          the processor's webhooks, as hints.
Asked by  checkout (authorise, look up); people through the command line (capture, void, refund, unmatched money).
"""
