"""The ops: one class each."""
