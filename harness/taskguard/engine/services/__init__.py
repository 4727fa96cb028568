"""The AWS services of which the engine has a provider of its own."""
