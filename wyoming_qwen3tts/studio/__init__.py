"""Own voices: cloned, designed, kept and tried."""
