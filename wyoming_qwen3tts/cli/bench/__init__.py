"""The bench command: this machine's speed by card, model, Wyoming server and peer."""
