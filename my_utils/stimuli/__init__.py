"""Sets of pictures for experiments: designs, continua, measured and matched properties, labels.

Reading order: design, design_file, people, plan, drawing, finishing, image_properties, matching,
steadiness, stimulus_set, labels.
"""
