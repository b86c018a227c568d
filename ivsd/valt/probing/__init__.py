"""The steps of the connection test, which `ivsd.valt.probe` walks through."""
