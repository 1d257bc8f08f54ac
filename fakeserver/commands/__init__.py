"""Sandboxes as machines: the commands that run in them, scripted or not, their files and their processes."""
