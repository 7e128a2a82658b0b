"""How close the generated faces come to photographs: FID, KID, precision and recall.

Reading order: distances, feature_networks, reference, protocol, measurement, sigma_sweep,
torchvision_operators; options are those of the scripts that measure.
"""
