"""Our own files, written whole or not at all: pictures, films, figures, tables, tensors, LMDBs,
and one pool of workers.

Reading order: atomic, images, image_codec, film, tables, tensors, workers, lmdb_file, lmdb_writer.
"""
