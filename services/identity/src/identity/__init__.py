"""Accounts, sessions and signing keys: who somebody is. What they may do is each service's own business."""
