"""The run folder: what a training leaves behind, and the pages that are made from it."""
