"""Files from others are read without running anything in them.

Reading order: text, stand_ins, torch_file, reader, fields, toml_table.
"""
