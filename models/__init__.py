"""What we run: one file a model, each with a frozen `MODEL`; nothing here knows of pytest or of reports."""
