"""What the pages set up in ivsd.yaml, which the daemon alone writes (decisions 5 and 18)."""
