"""Services of the Serverless Framework, deployed by the CLI that comes with TaskGuard."""
