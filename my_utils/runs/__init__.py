"""What a run is: its configuration, networks, folder and checkpoints.

Reading order: config, networks, checkpoint, generators, person, released, model_card, folder,
runtime.
"""
