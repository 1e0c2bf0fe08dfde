"""Torture: a shop that is sold from while it is killed, frozen and lied to, and the judgement of what came of it.

`plan` says what is wanted, `schedule` draws each fault from a seed, `injector` makes the faults, `buyers` and
`merchant` use the shop meanwhile, `ledger` keeps what they were answered, `run` is the whole, `report` what is left of
it. Whether the shop kept its promises is judged by `bodega.proof.audit`, which knows nothing of this package, and by
what buyers were answered.
"""
