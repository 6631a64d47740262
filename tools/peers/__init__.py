"""``bench run`` beside timm's ``train.py`` and a Lightning Trainer; see the README here."""
