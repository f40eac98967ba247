"""From a graph to a plan: fusion, layout, memory; plan.py is the table of contents."""
