"""The embedded default: a procedural head, its photographs and its resources folder.

Reading order: surface, skin, mesh, variation, albedo, parameters, light, hair, surroundings,
photographs, expressions, landmarks, resources_folder, held_out.
"""
