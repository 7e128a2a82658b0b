"""The perceptual studies: pictures, questions, answers, statistics. Analysis needs no torch.

Reading order: manifest, questions, trial, amt, inputs, results, statistics, summary,
report, figures.
"""
