"""Auth: who may come in. Credentials, sessions, and the keys that sign what everybody else trusts.

Owns      accounts (e-mail, password, roles), sessions, signing keys, links with secrets.
Promises  a stolen copy of its database opens nothing; a refresh token that is used twice ends its session, two
          tabs at once do not; keys change without logging anyone out; nobody learns by login or "forgot my
          password" who has an account; guessing gets slower and slower, but nobody is locked out for good, and on a
          device that was there before not at all; what it decides about people is a security event in its log.
Emits     CustomerRegistered, CustomerVerified, PasswordResetRequested, PasswordChanged (topic `users`).
Hears     nobody.
Asked by  notifications (mail-links), users (who is it, export, erase), the command line (users); people.
"""
