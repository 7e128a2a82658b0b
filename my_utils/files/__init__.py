"""Our own files, written whole or not at all: pictures, films, figures, tables, tensors, LMDBs,
and one pool of workers.

Reading order: atomic, output_folder, images, image_codec, film, figures, tables, html, tensors,
workers, lmdb_file, lmdb_writer.
"""
