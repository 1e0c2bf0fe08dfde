"""Cart: what somebody means to buy. Fast, forgiving, and never in the way of an order.

Owns      carts, whose they are, and the last known words of catalog and inventory about what is in them.
Promises  each change is one atomic script with a new version and a new random revision; a catalog or an inventory
          that is down takes no cart down; what an order bought leaves its cart once.
Emits     nothing.
Hears     catalog (updated, archived), inventory (all): snapshots; orders (paid): the purchased lines go.
Asked by  checkout (contents and revision); shoppers.
"""
