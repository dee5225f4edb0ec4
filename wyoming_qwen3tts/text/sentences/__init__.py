"""Where sentences end, in whole texts and in texts still being written."""
