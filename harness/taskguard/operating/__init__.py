"""What is done to a stack besides running tasks through it: redriving, costs, cleaning."""
