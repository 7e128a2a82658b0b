"""The page with sliders.

Reading order: state, light, session, pictures, page, loop, server.
"""
