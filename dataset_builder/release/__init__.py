"""What is kept of a dataset, and all that reads it."""
