"""Numbers, dates, units, money and signs as words, by rule and by language."""
