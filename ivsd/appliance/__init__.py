"""The box itself: the service manager and the journal."""
