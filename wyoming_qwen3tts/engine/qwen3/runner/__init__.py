"""The tensors that change from step to step: caches, frames, codec state, graphs. Engine thread only."""
