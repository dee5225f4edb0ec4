"""Bottom layer: counts and formats, imports none of the other packages."""
