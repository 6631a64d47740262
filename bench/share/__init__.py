"""Runs in one file, for another lab's tables: settings, predictions, hashes; no pixels, no weights.

A bundle is a ZIP file of a small folder of runs, with a record of its own. Unpacked, it is a folder
that ``bench report --out`` reads.
"""
