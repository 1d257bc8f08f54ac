"""How a document lives: its states, what leads from one to another, and when that happens by itself."""
