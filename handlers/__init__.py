"""TaskGuard's pipeline as it runs in AWS Lambda.

Four functions (`submit_task`, `get_task`, `process_task`, `monitor_dlq`) over a few small modules, each with one reason to
change. Nothing here knows of the harness that judges the pipeline.
"""
