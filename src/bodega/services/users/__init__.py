"""Users: what a customer tells us about themselves, beside the password, which is auth's.

Owns      profiles (name, language), postal addresses, consents.
Promises  a profile can be read the moment its account exists; an event that comes late never overwrites what the
          customer has written since; at most one default address for shipping and one for billing; an address that
          is kept can be delivered to.
Emits     nothing.
Hears     users (registered, verified).
Asked by  people, each about themselves.
"""
