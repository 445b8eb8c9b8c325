"""What moves the atoms."""
