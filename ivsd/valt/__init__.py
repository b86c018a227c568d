"""Everything that speaks to a VALT server, and the server that stands in for one."""
