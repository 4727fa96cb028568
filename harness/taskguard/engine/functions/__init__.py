"""Runs functions as processes of this machine, by the Lambda Runtime API."""
