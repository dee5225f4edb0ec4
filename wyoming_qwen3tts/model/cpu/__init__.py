"""The networks on a CPU: rounded weights and the compiled library."""
