"""A whole instance in one file, and back: every store, the events under way, the outside world's sandbox, the secrets.

    archive     the file: packed, checked, put in the place of an instance's data
    running     a copy of a running instance, store by store, each at its point, in an order that lets them fit together
    postgres, topics, stores, objects    how each engine is copied
    incoming, loading    what a restored instance takes in at its first start, before its services: events and objects
    outside     the sandbox is set back to the point, the database's
    points      the points, as the manifest says them

Why in this order, see docs/adr/0014-backup-of-a-running-shop.md.
"""
