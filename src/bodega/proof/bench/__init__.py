"""`./bodega bench`: what a shop can do on this machine, and what it costs.

Owns `report.py` (the figures, their ratios to the machine's floor, two runs side by side), `floor.py` (what the machine
itself can do), `meter.py` (CPU and memory by process), `rest.py` (until nothing is under way any more), `buyers.py` and
`ground.py` (who buys, and what), one file for each thing that is measured, and `run.py`, which measures them in turn.
"""
