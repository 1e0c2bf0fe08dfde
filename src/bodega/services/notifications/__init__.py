"""Notifications: what people are told by mail, and whether it was sent.

Owns      notifications, preferences, the mails' words and looks.
Promises  a fact is mailed at least once, always under one Message-ID, however often its event comes; a mail
          server that is down delays mails and loses none; a link with a secret is minted when its mail is sent.
Hears     orders (paid, cancelled, refunded), shipping (created, delivered), payments (failed),
          users (registered, password reset requested).
Asks      auth (mail-links), the mail server.
Asked by  customers (preferences), merchants.
"""
