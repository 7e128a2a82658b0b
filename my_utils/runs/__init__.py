"""What a run is: its configuration, networks, folder and checkpoints.

Reading order: config, networks, checkpoint, released, model_card, folder, runtime.
"""
