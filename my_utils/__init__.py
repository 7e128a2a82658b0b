"""The machinery in rooms; each room's docstring says what it is for."""
