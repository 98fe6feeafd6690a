"""Stands in for VBench: its command line and the form of its results, with scores made of the clips' sizes."""
