"""The sections of a paper from the records of runs: introduction, methodology, results, limitations, and their sources.

Why it matters: a number that was typed by hand is wrong after the next run. Here a text is built from the record, every
number in it carries a reference to the run, case and field that it came from, and what was not measured is said.
"""
