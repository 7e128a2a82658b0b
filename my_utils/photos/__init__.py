"""Photographs in: landmarks, FFHQ alignment, and the FLAME parameters of each face.

To be read in this order: alignment, detector, landmark_embedding, geometry_fit, appearance_fit.
"""
