"""Wrong arguments of every public layer, loss, optimizer, schedule and metric.

In: a table of what is wrong for an argument of that name. Out: a four-part error for each.
"""
