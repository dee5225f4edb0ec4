"""A graphics card found out about: does it compute what the CPU computes, and by which road is it fastest."""
