"""Whether changes to libraries are needed still: a test that fails here says that one can go."""

from __future__ import annotations

import inspect

import pytest


def test_moto_counts_an_attribute_twice_that_is_written_again() -> None:
    from moto.dynamodb.exceptions import ItemSizeTooLarge
    from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict

    item = LimitedSizeDict()
    item["text"] = DynamoType({"S": "x" * 250_000})
    with pytest.raises(ItemSizeTooLarge):
        item["text"] = DynamoType({"S": "x" * 250_000})


def test_moto_looks_for_the_names_of_methods_each_time() -> None:
    from moto.core import responses

    assert not hasattr(responses.method_names_from_class, "cache_info")


def test_routers_look_for_each_path_anew() -> None:
    from rolo.routing import Router

    assert "bind(server_name=request.host)" in inspect.getsource(Router.dispatch)


@pytest.mark.usefixtures("localstack_itself")
def test_cloudformation_waits_a_second_between_two_looks() -> None:
    from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor

    assert inspect.signature(ResourceProviderExecutor.deploy_loop).parameters["sleep_time"].default == 1


@pytest.mark.usefixtures("localstack_itself")
def test_buckets_lie_in_one_folder_of_the_machine() -> None:
    from localstack.services.s3 import provider

    # A folder without a name of its own, as the patch has it, would be a new one.
    assert provider.DEFAULT_S3_TMP_DIR.endswith("localstack-s3-storage")


@pytest.mark.usefixtures("localstack_itself")
def test_log_groups_are_copied_with_all_that_they_hold() -> None:
    from localstack.services.logs import provider

    assert "copy.deepcopy(self.streams)" in inspect.getsource(provider.moto_to_describe_dict)
