"""How closely generated faces follow their parameters.

Reading order: visible_factors, measures, regressor, regressor_training, evaluation, report, table3.
"""
