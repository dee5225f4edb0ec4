"""Health, metrics and logs. Counts and formats; of the other packages it imports `speech` only."""
