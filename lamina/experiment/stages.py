"""Augmentations table."""
AUGMENTATIONS: dict = {}
