"""The door for MQTT: publish a sentence, the speaker talks."""
