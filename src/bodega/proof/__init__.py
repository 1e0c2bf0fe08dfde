"""Proof that a shop is what it claims to be. Reads every room's store; no service imports it."""
