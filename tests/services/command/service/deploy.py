"""Makes two queues, three functions and an API, with nothing but AWS's own library."""

import io
import json
import zipfile
from pathlib import Path

import boto3

iam, sqs, functions, gateway = (boto3.client(name) for name in ("iam", "sqs", "lambda", "apigateway"))


def archive():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        for file in Path("functions").glob("*.py"):
            files.write(file, file.name)
    return packed.getvalue()


def queue(name, **attributes):
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60", **attributes})["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def function(name, handler, role, code, url):
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler=handler,
        Role=role,
        Timeout=10,
        Code={"ZipFile": code},
        Environment={"Variables": {"ORDERS": url}},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.2})
    return functions.get_function_configuration(FunctionName=name)["FunctionArn"]


def api(arn):
    made = gateway.create_rest_api(name="kitchen")["id"]
    root = gateway.get_resources(restApiId=made)["items"][0]["id"]
    orders = gateway.create_resource(restApiId=made, parentId=root, pathPart="orders")["id"]
    where = {"restApiId": made, "resourceId": orders, "httpMethod": "POST"}
    gateway.put_method(**where, authorizationType="NONE")
    uri = f"arn:aws:apigateway:{gateway.meta.region_name}:lambda:path/2015-03-31/functions/{arn}/invocations"
    gateway.put_integration(**where, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=made, stageName="noon")


trust = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}],
}
role = iam.create_role(RoleName="kitchen", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
_, refused = queue("refused-orders")
redrive = json.dumps({"deadLetterTargetArn": refused, "maxReceiveCount": 3})
url, arn = queue("orders", RedrivePolicy=redrive)
code = archive()
api(function("waiter", "kitchen.order", role, code, url))
function("cook", "kitchen.cook", role, code, url)
functions.create_event_source_mapping(
    FunctionName="cook", EventSourceArn=arn, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"]
)
