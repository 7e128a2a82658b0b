"""The parameters that other face trackers write, as this project's.

Reading order: cameras, light, formats, names, exports, reader, conversion.
"""
