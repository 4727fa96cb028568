"""HTTP APIs for the engine, which LocalStack's community edition takes from a template and does not make.

``control`` keeps them, ``resources`` are what CloudFormation makes them by, and ``serving`` answers their requests. How a request becomes
an event, and a function's answer a response, are plain functions beside these, and function URLs use them too.
"""
