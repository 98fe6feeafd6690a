"""Charts of a run, one file each: a pure function from records to a chart, the same for the page and for the paper.

Why it matters: a figure that is drawn twice differs twice. Each file has `figure(runs) -> Chart | NoChart`; a `Chart`
goes through reports/charts/drawing.py, as SVG into the page and as PDF into the paper. Matplotlib is imported inside
functions, so that everything but charts works without it.
"""
