"""A checkpoint on disk: configuration, names and shapes of weights, loading. Published sizes and tiny random ones."""
