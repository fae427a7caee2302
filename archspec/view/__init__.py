"""What a reader of a network sees: hierarchy, repetition, stages, skip connections, labels. Pictures, tables and reports read it."""
