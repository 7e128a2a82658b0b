"""What a run is: its configuration, networks, folder and checkpoints.

Reading order: config, networks, checkpoint, generators, released, model_card, folder, runtime.
"""
