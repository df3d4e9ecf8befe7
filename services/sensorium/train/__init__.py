"""Trains towers that place images and sounds in the space of a text model; the one package that imports torch."""
