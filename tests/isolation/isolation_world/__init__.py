"""Who asks, what is asked for, and the two orgs that it is about."""
