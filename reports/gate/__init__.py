"""The regression gate: runs under test held against baseline runs, one verdict a case, and never a pass in silence."""
