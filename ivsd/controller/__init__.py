"""The brain: pure decisions. Events in, commands and the next deadline out."""

from ivsd.controller.core import Controller, Step

__all__ = ["Controller", "Step"]
