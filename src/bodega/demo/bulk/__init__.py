"""A large catalogue, for load: any number of products, made from their numbers, brought in by the merchant's API.

Owns `goods.py` (what product number `n` is, out of `words.toml`) and `seeding.py` (how they get into the shop). Without
pictures: a million of them would measure the object storage, and the pages show products without any.
"""
