"""Notifications: what people are told by mail or text message, and whether it was sent.

Owns      notifications, preferences, wishes to be told of new stock, the messages' words and looks.
Promises  a fact is mailed at least once, always under one Message-ID, however often its event comes; a mail
          server that is down delays mails and loses none; a link with a secret is minted when its mail is sent;
          a text message goes to who has agreed to it, and is not repeated while its gateway has it.
Hears     orders (paid, cancelled, refunded, link requested, withdrawn), shipping (picked up, delivered),
          payments (failed), inventory (stock changed), users (registered, password reset requested, password changed).
Asks      auth (mail-links), inventory (stock), catalog (names), the mail server, the SMS gateway.
Asked by  customers (preferences), merchants, support.
"""
