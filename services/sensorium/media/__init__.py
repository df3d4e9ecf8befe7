"""Images and sounds: where their bytes come from, and how they become what a model reads."""
