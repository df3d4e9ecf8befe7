"""Sensorium: self-hosted multimodal embedding, tagging and search."""

__version__ = "0.1.0"
