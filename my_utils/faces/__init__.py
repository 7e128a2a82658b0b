"""Which faces to draw, and drawing them.

Reading order: sampling, synthesizer, params_file, sequences, sliders.
"""
