"""The training loop and what it is made of: step, prediction, checkpoint, schedule, device."""
