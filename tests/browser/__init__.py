"""The box's own pages in a real browser, as a person uses them: `make test-browser`."""
