"""Which voices there are, who speaks by default, and the files of own voices."""
