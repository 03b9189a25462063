"""coin-bench's graphs on PyTorch: a rule per primitive, weights by byte range, and a pipe of tensors and numbers.

It knows nothing of models, methods or tasks, opens no port, and runs no code out of files.
"""
