"""One step, the loop around it, and what it reports.

Reading order: run, state, loop, batches, step, texture_loss, cuda_graphs, ema, divergence,
precision, processes, reports, rehearsal, log, measures, sample_grid, curves.
"""
