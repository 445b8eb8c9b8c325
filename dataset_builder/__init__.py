"""Recipe in, release out: structures, molecular dynamics, teacher labels, checks, Parquet shards."""
