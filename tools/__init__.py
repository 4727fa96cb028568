"""What the project asks of itself, beside its tests. Nothing here is part of TaskGuard."""
