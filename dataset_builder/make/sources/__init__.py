"""Where structures come from."""
