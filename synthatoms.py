"""SynthAtoms."""
