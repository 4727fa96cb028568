"""Whether changes to libraries are needed still: a test that fails here says that one can go."""

from __future__ import annotations

import gc
import inspect
import warnings

import pytest

with warnings.catch_warnings():
    # LocalStack leaves a socket open when it is imported.
    warnings.simplefilter("ignore", ResourceWarning)
    from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor
    from localstack.services.s3 import provider
    from moto.core import responses
    from moto.dynamodb.exceptions import ItemSizeTooLarge
    from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict

    gc.collect()


def test_moto_counts_an_attribute_twice_that_is_written_again() -> None:
    item = LimitedSizeDict()
    item["text"] = DynamoType({"S": "x" * 250_000})
    with pytest.raises(ItemSizeTooLarge):
        item["text"] = DynamoType({"S": "x" * 250_000})


def test_moto_looks_for_the_names_of_methods_each_time() -> None:
    assert not hasattr(responses.method_names_from_class, "cache_info")


def test_cloudformation_waits_a_second_between_two_looks() -> None:
    assert inspect.signature(ResourceProviderExecutor.deploy_loop).parameters["sleep_time"].default == 1


def test_buckets_lie_in_one_folder_of_the_machine() -> None:
    # A folder without a name of its own, as the patch has it, would be a new one.
    assert provider.DEFAULT_S3_TMP_DIR.endswith("localstack-s3-storage")
