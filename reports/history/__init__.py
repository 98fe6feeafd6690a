"""A case over many runs: its numbers in the order of time, joined where they may be compared, its steps marked."""
