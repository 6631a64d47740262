"""The paper's hierarchy of four networks (m1 to m4) as one system that names findings.

Nothing here trains or reads a pixel. :mod:`bench.cascade.stages` finds the stored runs of m1 to m4
and findings14 that belong together, :mod:`bench.cascade.routing` sends every test image through
them, and :mod:`bench.cascade.assemble` stores the outcome as runs of the task findings14, so that
reports show them beside every other row.
"""
