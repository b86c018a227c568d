"""All that shows a person the state of the room."""
