"""Search: finds products by words, narrows them down by what they are, completes what is being typed.

Owns      nothing that others could not tell again: an index made of what catalog and inventory say.
Promises  a change of a product, selling out or coming back, and a category's new name are found within a second;
          an older state never replaces a newer one, in whatever order the two sources speak; a rebuild is not
          noticed by shoppers.
Emits     nothing.
Hears     catalog (products: updated, archived; categories: updated), inventory (every change of stock; acts when a
          SKU sells out or comes back).
Asked by  shoppers; operators (rebuild, audit).
"""
