"""Runs coin-bench's graphs on PyTorch: started by coin-bench as `python <this folder>`, spoken to over a pipe."""

from coin_torch.main import main

main()
