"""A real image, built and run without Docker: script/image-test."""
