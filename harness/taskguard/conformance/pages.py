"""Addresses of AWS's documentation."""

_DOCS = "https://docs.aws.amazon.com"


def sqs_api(operation: str) -> str:
    """The page of an operation of SQS."""
    return f"{_DOCS}/AWSSimpleQueueService/latest/APIReference/API_{operation}.html"


def sqs_guide(page: str) -> str:
    """A page of SQS's developer guide."""
    return f"{_DOCS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/{page}.html"


def lambda_api(operation: str) -> str:
    """The page of an operation of Lambda."""
    return f"{_DOCS}/lambda/latest/api/API_{operation}.html"


def lambda_guide(page: str) -> str:
    """A page of Lambda's developer guide."""
    return f"{_DOCS}/lambda/latest/dg/{page}.html"
