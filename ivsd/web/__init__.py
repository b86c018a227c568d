"""The device's own page: a service of its own, fed over the control socket, that only reads."""
