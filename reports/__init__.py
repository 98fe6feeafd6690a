"""What we say: the record of a run and every view of it; imports neither torch nor pytest nor anything else of ours."""
