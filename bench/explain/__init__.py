"""Heat maps of a network's evidence: drawn over images, and measured against known lesions."""
