"""Files from others are read without running anything in them.

Reading order: text, reader, stand_ins, fields, torch_file.
"""
