"""All that a hand or a badge can touch."""
