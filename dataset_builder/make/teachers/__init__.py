"""What labels structures."""
