"""External validation: the networks of finished runs predict the images of other data.

``match``: the outputs that a network and the other data have in common; ``overlap``: the images
and patients that the two data share; ``evaluate``: predictions, kept as runs in the store's folder
``external``. Their figures are computed in :mod:`bench.evaluate.external`.
"""
