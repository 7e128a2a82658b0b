"""Sets of pictures for experiments: designs, continua, measured and matched properties, labels.

Reading order: design, design_file (design_people, design_factors), people, plan, surface, drawing,
image_properties, matching, steadiness, finishing, stimulus_set, report, training_range;
label_geometry, labels, mesh_files.
"""
