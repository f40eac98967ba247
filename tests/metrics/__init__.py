"""Metrics beside those of others, stored so that every machine compares.

`python -m tests.metrics` writes values.json anew; it needs scikit-learn, SciPy, sacreBLEU,
rouge-score, jiwer and pycocotools.
"""
