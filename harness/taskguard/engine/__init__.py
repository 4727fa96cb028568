"""What runs inside the LocalStack process.

LocalStack finds these parts through the entry points in ``pyproject.toml`` and the settings in
:mod:`taskguard.targets.localstack`: a web server that listens on the loopback address alone, a Lambda executor that runs
functions as local processes, a DynamoDB provider whose writes are atomic and told in a stream, a faster queue worker and the flight recorder.
Nothing here knows of checks, histories or the pipeline under test.
"""
