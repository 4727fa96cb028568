"""Evidence from CloudWatch Logs, where no flight recorder is."""
