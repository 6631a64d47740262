"""The command line: parses, calls, prints; decides nothing.

No module here imports torch, pandas or timm at its top: commands import what they need when
they run, so that ``bench --help`` answers at once.
"""
