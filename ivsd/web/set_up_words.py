"""What the set-up page calls the things that a file calls by a key."""

from __future__ import annotations

ACTIONS = {
    "record_toggle": "start or stop a recording",
    "start": "start a recording",
    "stop": "stop the recording",
    "pause_toggle": "pause the recording, or go on with it",
    "pause": "pause the recording",
    "resume": "go on with the recording",
    "marker": "set a marker",
    "lock_toggle": "lock or unlock the room",
    "lock": "lock the room",
    "unlock": "unlock the room",
    "show_status": "show the state of the room",
}
STOPS = {
    "at_once": "one press, at once",
    "hold": "holding the button",
    "twice": "two presses, within 3 seconds",
}
STEPS = {
    "address": "Address", "name": "Name", "connect": "Connection", "tls": "Certificate",
    "valt": "VALT", "log_in": "Log-in", "version": "Version", "room": "Room", "rights": "Rights",
    "actions": "Recording", "speed": "Speed", "clock": "Clock",
}  # fmt: skip
