"""Which faces to draw, and drawing them.

Reading order: sampling, named_factors, synthesizer, params_file, sequences, sliders; options
are those of the scripts that draw.
"""
