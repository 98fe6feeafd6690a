"""What other programs take of a run: one file a format, each a pure function from records to text or to builtins."""
