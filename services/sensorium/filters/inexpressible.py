"""Says that an engine cannot take a filter, so that it is evaluated elsewhere."""


class Inexpressible(Exception):
    """The engine's language cannot say this filter."""
