"""The perceptual studies: pictures, questions, answers, statistics. Analysis needs no torch.

Reading order: manifest, pictures, questions, page, inputs, trial, amt, results, statistics,
summary, report, figures; options are those that its scripts share.
"""
