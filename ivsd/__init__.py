"""ivsd: buttons, PINs and badges at the door become actions on a VALT recording server."""

__version__ = "0.1.0"
