"""Turns what was seen of a run into History.

Deliveries, their outcomes and backoffs come from the flight recorder, which sees them from outside the code under test;
dead letters' logs and the final records are read from CloudWatch Logs and DynamoDB, because they are what a user of the
pipeline would read. What cannot be seen is said with an ``EvidenceMissing`` event, never guessed.
"""
