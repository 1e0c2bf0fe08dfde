"""Users: what a customer tells us about themselves, beside the password, which is auth's.

Owns      profiles (name, language), postal addresses, consents.
Promises  a profile can be read the moment its account exists; an event that comes late never overwrites what the
          customer has written since; at most one default address for shipping and one for billing; an address that
          is kept can be delivered to; who asks is shown all that the shop holds of them, or is forgotten by all of it.
Emits     nothing.
Asks      every room that holds something of a person (export, erase).
Hears     users (registered, verified).
Asked by  people, each about themselves.
"""
