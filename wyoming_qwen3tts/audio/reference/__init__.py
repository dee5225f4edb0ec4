"""Reference clips from strangers: read and decoded in a child process, judged, trimmed."""
