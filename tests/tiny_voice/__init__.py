"""``script/train-tiny``: a small checkpoint in the published layout that speaks a small world of English sentences."""
