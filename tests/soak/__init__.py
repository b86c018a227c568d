"""`make soak`: many events, many faults, and afterwards everything must add up.

`pure` drives the controller alone in simulated time; `daemon` runs the daemon as it is built in
production against a simulated server in a process of its own, and `audit` then compares, event by
event, what hands did, what people were told and what the server has done.
"""
