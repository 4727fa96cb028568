"""What AWS documents of SQS and of Lambda's event source mapping, as small behaviours that can be tried on any engine."""
