"""Stands in for pyiqa, whose licence not everybody may accept."""
