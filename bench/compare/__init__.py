"""Who is better, by how much, and how sure that is."""

from bench.compare.versus import SIGNIFICANCE, Verdict, Versus, compare_with

__all__ = ["SIGNIFICANCE", "Verdict", "Versus", "compare_with"]
