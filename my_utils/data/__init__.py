"""The resources folder: FLAME's and DECA's files, the LMDBs, and the pairs that training reads.

Reading order: resource_files, resources, flame_files, head_writer, landmarks, parameters,
lmdb_images, photograph_lmdb, rendering_lmdb, origins, dataset, pair_loader, pair_pictures,
resource_report, trackers.
"""
