"""What only a GPU can tell; see ``tools/gpu_check.sh``."""
