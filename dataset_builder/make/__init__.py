"""What is made, once: source -> driver -> teacher -> checks -> shards."""
