"""The lean model's kernels for cards, by Triton and by torch's compiler. Imported only where one is to be used."""
