"""Figures of a table: the same drawing for a page (SVG) and for files (PNG, PDF, SVG)."""
