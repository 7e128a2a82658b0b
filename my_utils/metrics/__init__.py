"""How real faces look and how closely they obey.

Reading order: records, condition_error, artefacts, fid, control.
"""
