"""Models with scikit-learn's interface."""
