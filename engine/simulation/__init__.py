"""A run replayed on a card that is not there: fake tensors, the installed libraries, and torch's CUDA allocator."""
