"""The models we ship, one file each, all behind the contract of `benchmark.model`."""
