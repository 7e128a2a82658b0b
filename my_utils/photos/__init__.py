"""Photographs in: landmarks, FFHQ alignment, FLAME parameters and the style of each face.

To be read in this order. The face in the picture: network_files, alignment, detector. The landmarks
on the head: calibration_views, landmark_embedding. The fit: surface_points, least_squares,
geometry_fit, open_sky, skin_points, appearance_fit, photometric_refinement; fitting puts these
together. Folders and films: folder_fit, contact_sheet, film_fit. Heads without textures:
texture_space, texture_space_files. Editing: photographed_face, inversion, person_fit,
person_folder, edits, named_expressions, warped_views.
"""
