"""What a deploy would send: the package that Lambda gets, and the template that CloudFormation gets."""
