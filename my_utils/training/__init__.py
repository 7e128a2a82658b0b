"""One step, the loop around it, and what it reports.

Reading order: run, loop, step, texture_loss, ema, divergence, precision, processes, log, measures,
sample_grid, curves.
"""
