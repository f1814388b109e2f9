"""Frames to figures. No files and no statistics here: what is drawn was worked out before."""
