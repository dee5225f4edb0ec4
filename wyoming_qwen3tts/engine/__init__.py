"""Those who can speak. Each engine fulfils ``speech.Engine``."""
