"""How tasks get into a pipeline: the workload, and the clients that hand it in."""
