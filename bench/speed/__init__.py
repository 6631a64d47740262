"""How fast networks learn and answer here, and how fast they could.

Needs what training needs; only :mod:`bench.speed.tables` prints with the report's libraries.
"""
