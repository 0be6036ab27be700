"""Cross-encoders: prompts, pairs as token ids, backends that score them, and the gate that compares them at load."""
