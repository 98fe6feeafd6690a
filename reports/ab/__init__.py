"""Blinded comparison of clips by people: pairs without names, one vote each, and what the votes say."""
