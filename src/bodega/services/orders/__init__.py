"""Orders: what was bought, for how much, and what has become of it. The only judge of an order's fate.

Owns      orders, their history, their numbers; statements of withdrawal.
Promises  an order is paid at most once and for exactly its total; cancelled is for ever; what it says has
          happened is on Kafka, in order.
Emits     OrderCreated, OrderPaid, OrderCancelled, OrderShipped, OrderDelivered, OrderRefunded,
          OrderLinkRequested, WithdrawalReceived.
Hears     payments (authorised, failed, captured, capture failed, refunded), shipping (created, picked up, delivered),
          users (verified: guest orders are claimed).
Asked by  checkout (create, cancel), shipping (begin-fulfilment); shoppers, merchants, support.
"""
