"""The web door: OpenAI's speech API, live text over WebSocket, voices, health and metrics. Imported late: FastAPI takes
its time."""
