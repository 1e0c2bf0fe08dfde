"""Catalog: what can be bought, what it is called, what it looks like and what it costs.

Owns      products with their variants, options, pictures and prices; categories.
Promises  a SKU and a slug belong to one product for ever; a product's version never goes back; what was
          written is on Kafka, whole, and an older state never after a newer one.
Emits     ProductUpdated (the whole published state), ProductArchived, CategoryUpdated.
Hears     nobody.
Asked by  cart, checkout (prices), search (products, categories); shoppers and merchants.
"""
