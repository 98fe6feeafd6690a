"""Verdicts as tables of the page, one file a kind: what was judged, the verdict, and the numbers that it rests on.

Why it matters: a verdict in a sentence must be read, one in a column is seen. The terminal tells the same in lines
(`reports/claims.py`, `budgets.py`, `floors.py`, `verdict_lines.py`), from the same judgements.
"""
